"""`hydra-vertex list`: lists the tuning jobs of a project and location."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import whole_number, word
from hydra_vertex.cli.output import say, show, show_table

from .job_options import add_endpoint_option
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob

DEFAULT_LIMIT = 50


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "list",
        "list the tuning jobs of a project and location, newest first",
        "hydra-vertex list --project p --location europe-west4 --filter 'state=\"JOB_STATE_RUNNING\"'\n"
        "  hydra-vertex list --project p --location l --endpoint http://127.0.0.1:8080 --limit 5 --json",
    )
    place = parser.add_argument_group("service")
    place.add_argument("--project", type=word, required=True, metavar="P", help="Google Cloud project")
    place.add_argument("--location", type=word, required=True, metavar="L", help="region, such as europe-west4")
    add_endpoint_option(place)
    parser.add_argument(
        "--filter",
        default="",
        metavar="TEXT",
        help='only the jobs that this filter of the API selects, such as display_name="docs" or labels.team="a"',
    )
    parser.add_argument(
        "--limit",
        type=whole_number(1),
        default=DEFAULT_LIMIT,
        metavar="N",
        help=f"at most N jobs (default: {DEFAULT_LIMIT})",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the jobs; says on stderr when there are more than the limit. Raises CommandError for an invalid filter."""
    from http import HTTPStatus

    from hydra_vertex.launcher.study.client import connect, require_service
    from hydra_vertex.launcher.text.terminal import excerpt
    from hydra_vertex.protocol.errors import CommandError, ServiceError

    endpoint = arguments.api_endpoint or ""
    require_service(arguments.location, endpoint)
    parent = f"projects/{arguments.project}/locations/{arguments.location}"
    try:
        found = connect(arguments.location, endpoint).list(parent, arguments.filter, arguments.limit + 1)
    except ServiceError as error:
        if arguments.filter and error.http_status == HTTPStatus.BAD_REQUEST:
            raise CommandError(f"--filter {excerpt(arguments.filter)}: {error}") from error
        raise
    jobs = found[: arguments.limit]
    if arguments.json:
        show_document("list", {"jobs": [_document(job) for job in jobs], "isComplete": len(found) == len(jobs)})
    elif jobs:
        show_table(("id", "display name", "state", "created", "elapsed", "trials"), map(_row, jobs), parent)
    else:
        show(f"{parent} has no tuning job{' that the filter selects' if arguments.filter else ''}")
    if len(found) > len(jobs):
        say(f"there are more jobs; give a larger --limit than {arguments.limit}, or a --filter")
    return 0


def _document(job: HyperparameterTuningJob) -> dict[str, str | int | dict[str, str] | None]:
    from hydra_vertex.job.fields import format_time

    times = {"createTime": job.create_time, "startTime": job.start_time, "endTime": job.end_time}
    return {
        "name": job.name,
        "displayName": job.display_name,
        "state": job.state.value,
        "maxTrialCount": job.max_trial_count,
        "parallelTrialCount": job.parallel_trial_count,
        "labels": dict(job.labels),
        **{name: None if moment is None else format_time(moment) for name, moment in times.items()},
    }


def _row(job: HyperparameterTuningJob) -> tuple[str, ...]:
    from datetime import datetime, timezone

    from hydra_vertex.launcher.study.progress import progress
    from hydra_vertex.launcher.text.formatting import format_duration

    created = "" if job.create_time is None else f"{job.create_time:%Y-%m-%d %H:%M}Z"
    elapsed_s = progress(job, datetime.now(timezone.utc)).elapsed_s
    return (
        job.name.rpartition("/")[2],
        job.display_name,
        job.state.value.removeprefix("JOB_STATE_"),
        created,
        format_duration(max(0.0, elapsed_s)),
        str(job.max_trial_count),
    )
