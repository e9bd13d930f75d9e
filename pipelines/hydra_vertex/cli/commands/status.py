"""`hydra-vertex status`: shows the state of one job."""

from __future__ import annotations

import argparse
import os

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.output import show

from .job_options import add_resource_argument, source_from
from .study_options import add_json_option, add_parser


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
    from hydra_vertex.launcher.study.status import status_document, status_lines
    from hydra_vertex.launcher.text.terminal import one_line

    source = source_from(arguments)
    job = source.job()
    mask = masker_of(job, os.environ)
    if arguments.json:
        show_document("status", status_document(job, mask, is_local=source.is_local))
        return 0
    for heading, text in status_lines(job, datetime.now(timezone.utc), mask, is_local=source.is_local):
        show(f"{heading:<14}{one_line(text)}")
    if source.document is not None:
        show(f"{'as of':<14}{source.place}, not the service; give the job's name for its current state")
    return 0
