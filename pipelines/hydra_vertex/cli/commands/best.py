"""`hydra-vertex best`: writes the best trial's config of a job as an experiment file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import say, show, show_table

from .confirm_options import confirmation_document, confirmation_of_study, show_confirmation
from .job_options import add_finished_study_arguments, job_from, source_of_study
from .study_options import add_json_option, add_parser, add_prefer_option

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.best.best_trial import BestConfig
    from hydra_vertex.launcher.confirm.result import Confirmation
    from hydra_vertex.protocol.json import Json


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "best",
        "write the best trial's config as a Hydra experiment file",
        "hydra-vertex best runs/docs/job.json -o conf/experiment/best.yaml\n"
        "  hydra-vertex best 123 --project p --location europe-west4 -- python train.py",
    )
    add_finished_study_arguments(parser)
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
    add_prefer_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Select and verify the best trial, write its config, show its differences from the defaults.

    A command after `--` replaces the app's command in the job.
    """
    from hydra_vertex.job import JobState
    from hydra_vertex.launcher.best.best_trial import best_config, overrides_text
    from hydra_vertex.launcher.best.members import FOLDER, write_members
    from hydra_vertex.launcher.confirm.choice import choice_of
    from hydra_vertex.launcher.files.output_file import write_output
    from hydra_vertex.launcher.preflight.app_environment import app_environment
    from hydra_vertex.launcher.preflight.job_builder import environment_in
    from hydra_vertex.pipelines.objectives import require_objective

    job, source = job_from(arguments), source_of_study(arguments)
    _require_study(job)
    confirmation = None if source is None else confirmation_of_study(source, job)
    choice = None if confirmation is None else choice_of(job, confirmation)
    if not job.state.is_terminal and job.state is not JobState.UNSPECIFIED:
        say(f"{job.name or job.display_name} is {job.state.value}: the best trial so far is selected")
    require_objective(job.study_spec, arguments.prefer or "")
    with app_environment(environment_in(job)):
        best = best_config(
            job, arguments.app, with_command=arguments.with_command, choice=choice, prefer=arguments.prefer or ""
        )
    write_output(arguments.output, best.experiment, "the experiment file")
    folder = arguments.output.parent / FOLDER
    if stale := write_members(best.pareto, folder) if best.rule else ():
        say(f"{folder} also has {', '.join(path.name for path in stale)}, of trials that are not in the Pareto set")
    if arguments.overrides:
        is_private = best.mask.arguments(best.overrides) != list(best.overrides)
        write_output(
            arguments.overrides, overrides_text(best.overrides), "the file of overrides", is_private=is_private
        )
    if arguments.json:
        _print_json(best, arguments.output, confirmation, folder)
    else:
        show_confirmation(confirmation)
        _print_text(best, arguments.output, folder)
    return 0


def _require_study(job: HyperparameterTuningJob) -> None:
    from hydra_vertex.job.confirmation import CONFIRMS_LABEL, is_confirmation
    from hydra_vertex.protocol.errors import UserError

    if is_confirmation(job):
        study = f"{job.name.rpartition('/')[0]}/{job.labels[CONFIRMS_LABEL]}".lstrip("/")
        raise UserError(
            f"{job.name or job.display_name} repeats configurations of {study}, and has no parameters of its own; give "
            "that job, or the folder of its run"
        )


def _print_json(best: BestConfig, output: Path, confirmation: Confirmation | None, folder: Path) -> None:
    document: dict[str, Json] = {
        "trial": best.trial.id,
        "value": best.value,
        "parameters": best.mask.value("", dict(best.trial.parameters)),
        "overrides": best.mask.arguments(best.overrides),
        "command": best.mask.arguments(best.retyped),
        "experiment": str(output),
        "shortfall": best.shortfall,
        "withheld": {item.key: item.instead for item in best.withheld},
        "againstDefaults": None if best.against_defaults is None else best.against_defaults.document(),
        "confirmation": confirmation_document(confirmation),
        "differences": [{"key": d.key, "default": d.default, "best": d.best} for d in best.differences],
        **(_pareto_document(best, folder) if best.rule else {}),
    }
    show_document("best", document)


def _pareto_document(best: BestConfig, folder: Path) -> dict[str, Json]:
    members: list[Json] = [
        {
            "trial": member.trial.id,
            "values": {name: member.trial.objective(name) for name in best.values},
            "parameters": best.mask.value("", dict(member.trial.parameters)),
            "overrides": best.mask.arguments(member.overrides),
            "experiment": str(folder / member.file_name),
        }
        for member in best.pareto
    ]
    return {"values": dict(best.values), "rule": best.rule, "pareto": members}


def _print_pareto(best: BestConfig, folder: Path) -> None:
    rows = [
        (
            member.trial.id,
            *(f"{member.trial.objective(name):.6g}" for name in best.values),
            str(folder / member.file_name),
        )
        for member in best.pareto
    ]
    show_table(("trial", *best.values, "experiment file"), rows, f"the Pareto set, {len(rows)} trials")
    show(f"trial {best.trial.id} is selected: {best.rule}")


def _print_text(best: BestConfig, output: Path, folder: Path) -> None:
    if best.rule:
        _print_pareto(best, folder)
    rows = [(d.key, repr(d.default), repr(d.best)) for d in best.differences]
    reported = ", ".join(f"{name} = {value:.6g}" for name, value in best.values.items())
    show_table(("key", "default", "best"), rows, f"trial {best.trial.id}: {reported}")
    if best.against_defaults is not None:
        show(best.mask.text(best.against_defaults.text))
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
