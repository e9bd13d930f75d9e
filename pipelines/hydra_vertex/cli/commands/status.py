"""`hydra-vertex status`: shows the state of one job."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.output import show

from .job_options import add_resource_argument, source_from
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.study.job_source import JobSource

    from .run_state import StoredRun


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "status",
        "show the state of a job: its trials by state, the best so far, its error, its page in the console",
        "hydra-vertex status projects/p/locations/europe-west4/hyperparameterTuningJobs/123\n"
        "  hydra-vertex status 123 --project p --location europe-west4 --json\n"
        "  gcloud ai hp-tuning-jobs describe 123 --region europe-west4 | hydra-vertex status -",
    )
    add_resource_argument(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the job. A document is shown as it is, without a request to a service."""
    from datetime import datetime, timezone

    from hydra_vertex.launcher.secrets.of_job import masker_of
    from hydra_vertex.launcher.study.status import TO_GO, status_document, status_lines
    from hydra_vertex.launcher.text.terminal import one_line

    from .run_state import rest_of_run, stored_run

    source = source_from(arguments)
    job = source.job()
    mask = masker_of(job, os.environ)
    if arguments.json:
        show_document("status", status_document(job, mask, is_local=source.is_local))
        return 0
    run = stored_run(arguments.resource, source)
    is_left = run is not None and not run.last().is_running
    # Nothing has gone on since the last change of a study that is left.
    now = (job.update_time if is_left else None) or datetime.now(timezone.utc)
    for heading, text in status_lines(job, now, mask, is_local=source.is_local):
        if heading != TO_GO or not is_left:
            show(f"{heading:<14}{one_line(text)}")
    if source.document is not None:
        show(f"{'as of':<14}{_as_of(source, job, run)}")
    if is_left and run is not None:
        show(run.how_to_continue(mask))
    elif rest := rest_of_run(arguments.resource, job, mask):
        show(rest)
    return 0


def _as_of(source: JobSource, job: HyperparameterTuningJob, run: StoredRun | None) -> str:
    """Return where the state of a document comes from, and whether it is the current one."""
    if job.state.is_terminal:
        return source.place
    if run is None:
        return f"{source.place}, not the service; give the job's name for its current state"
    return f"{source.place}; {'a' if run.last().is_running else 'no'} run is in progress in {run.folder}"
