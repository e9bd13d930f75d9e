"""`hydra-vertex best`: writes the best trial's config of a finished job as an experiment file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import show, show_json, show_table

from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.launcher.best.best_trial import BestConfig
    from hydra_vertex.protocol.json import Json


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "best",
        "write the best trial's config as a Hydra experiment file",
        "hydra-vertex best runs/docs/job.json -o conf/experiment/best.yaml",
    )
    parser.add_argument("job", type=file_path, metavar="job.json", help="the finished HyperparameterTuningJob of a run")
    parser.add_argument(
        "-o",
        "--output",
        type=file_path,
        default=Path("best.yaml"),
        metavar="FILE",
        help="the experiment file (default: best.yaml)",
    )
    parser.add_argument("--overrides", type=file_path, metavar="FILE", help="also write the overrides, one per line")
    parser.add_argument(
        "--with-command",
        action="store_true",
        help="the experiment file also holds what the app's command sets, so that only experiment=best is typed",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Select and verify the best trial, write its config, show its differences from the defaults.

    A command after `--` replaces the app's command in the job.
    """
    from hydra_vertex.launcher.best.best_trial import best_config, overrides_text
    from hydra_vertex.launcher.files.job_file import read_job
    from hydra_vertex.launcher.files.output_file import write_output
    from hydra_vertex.launcher.preflight.app_environment import app_environment
    from hydra_vertex.launcher.preflight.job_builder import environment_in

    job = read_job(arguments.job)
    with app_environment(environment_in(job)):
        best = best_config(job, arguments.app, with_command=arguments.with_command)
    write_output(arguments.output, best.experiment, "the experiment file")
    if arguments.overrides:
        is_private = best.mask.arguments(best.overrides) != list(best.overrides)
        write_output(
            arguments.overrides, overrides_text(best.overrides), "the file of overrides", is_private=is_private
        )
    if arguments.json:
        _print_json(best, arguments.output)
    else:
        _print_text(best, job.study_spec.objective.id, arguments.output)
    return 0


def _print_json(best: BestConfig, output: Path) -> None:
    document: dict[str, Json] = {
        "trial": best.trial.id,
        "value": best.value,
        "parameters": best.mask.value("", dict(best.trial.parameters)),
        "overrides": best.mask.arguments(best.overrides),
        "command": best.mask.arguments(best.retyped),
        "experiment": str(output),
        "shortfall": best.shortfall,
        "withheld": {item.key: item.instead for item in best.withheld},
        "differences": [{"key": d.key, "default": d.default, "best": d.best} for d in best.differences],
    }
    show_json(document, indent=2)


def _print_text(best: BestConfig, metric: str, output: Path) -> None:
    rows = [(d.key, repr(d.default), repr(d.best)) for d in best.differences]
    show_table(("key", "default", "best"), rows, f"trial {best.trial.id}: {metric} = {best.value:.6g}")
    if best.shortfall:
        show(f"{output}: {best.shortfall}")
    for item in best.withheld:
        show(f"{output}: {item.comment()}")
    show(f"{output}: the experiment file. To run the best config:\n  {how_to_run(best, output)}")


def how_to_run(best: BestConfig, output: Path) -> str:
    """Return the command that uses the file; with overrides instead if the file is not in an experiment folder."""
    if output.parent.name == "experiment" and output.name == "best.yaml":
        return best.command_with(str(output.parent.parent))
    return best.command_with_overrides()
