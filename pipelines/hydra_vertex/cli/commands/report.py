"""`hydra-vertex report`: writes an HTML report of a finished or running job."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import say, show

from .confirm_options import confirmation_of_study
from .cost_options import prices_of
from .job_options import add_finished_study_arguments, job_from, source_of_study
from .machine_lines import machines_of_source
from .study_options import add_json_option, add_parser
from .trial_logs import logs_of_source

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.confirm.result import Confirmation


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "report",
        "write a self-contained HTML report of a job, finished or not",
        "hydra-vertex report runs/docs/job.json -o report.html\n"
        "  hydra-vertex report projects/p/locations/europe-west4/hyperparameterTuningJobs/123",
    )
    add_finished_study_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=file_path,
        default=Path("report.html"),
        metavar="FILE",
        help="output (default: report.html)",
    )
    parser.add_argument(
        "--hourly-price",
        action="append",
        default=[],
        metavar="PRICE",
        help="your price of one worker for one hour, as for `submit`, so that the report has the cost",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report, in which the best trial, if any, is marked."""
    from hydra_vertex.launcher.best.selection import rank
    from hydra_vertex.launcher.report import write_report

    job, source = job_from(arguments), source_of_study(arguments)
    confirmation = None if source is None else confirmation_of_study(source, job)
    # A report shows also repeats of which none can be selected.
    selected = None if confirmation is None else confirmation.selected
    best = next(iter(rank(job)), None) if selected is None else selected.trial
    prices = prices_of(arguments.hourly_price)
    machines = machines_of_source(source, job)
    # The app of a run is on this machine, and starts once. That of another job may not be.
    is_run = best is not None and Path(arguments.resource).is_dir()
    write_report(
        job,
        arguments.output,
        best=best,
        overrides=_overrides(job, confirmation) if is_run else (),
        prices=prices,
        is_private=True,
        confirmation=confirmation,
        machines=machines,
        logs=logs_of_source(source, job),
    )
    if arguments.json:
        show_document("report", {"report": str(arguments.output), "trials": len(job.trials)})
    else:
        show(f"{arguments.output}: {len(job.trials)} trials of {job.display_name}")
    return 0


def _overrides(job: HyperparameterTuningJob, confirmation: Confirmation | None) -> tuple[str, ...]:
    """Return the overrides of the best trial of a run on this machine, as its app gives them; nothing, and say why."""
    from hydra_vertex.launcher.best.best_trial import best_config
    from hydra_vertex.launcher.confirm.choice import choice_of
    from hydra_vertex.launcher.preflight.app_environment import app_environment
    from hydra_vertex.launcher.preflight.job_builder import environment_in
    from hydra_vertex.protocol.errors import HydraVertexError

    try:
        choice = None if confirmation is None else choice_of(job, confirmation)
        with app_environment(environment_in(job)):
            return tuple(best_config(job, choice=choice).overrides)
    except HydraVertexError as error:
        say(f"the report has no command that runs the best trial again: {error}")
        return ()
