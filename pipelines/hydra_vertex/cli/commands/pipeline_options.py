"""Options of `submit` for the PipelineJob: where it is sent, its fields, its schedule."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import whole_number, word

from .trial_machine_options import labels_of

if TYPE_CHECKING:
    from hydra_vertex.pipelines.pipeline_settings import PipelineSettings, Schedule
    from hydra_vertex.pipelines.submit import Target

FAILURE_POLICIES = ("slow", "fast")


def add_target_options(
    parser: argparse.ArgumentParser, root_has: str = "artifacts and the output of the trials", sent: str = "request"
) -> None:
    """Add the options of the place to which a pipeline or a job is sent."""
    target = parser.add_argument_group("target")
    target.add_argument("--project", type=word, required=True, help="Google Cloud project")
    target.add_argument("--location", type=word, required=True, help="region, such as europe-west4")
    target.add_argument("--root", type=word, required=True, metavar="gs://…", help=f"folder for {root_has}")
    target.add_argument(
        "--endpoint",
        "--api-endpoint",
        dest="api_endpoint",
        type=word,
        metavar="URL",
        help="endpoint instead of the location's; that of `hydra-vertex serve`, such as http://127.0.0.1:8080, "
        f"rehearses the {sent} on this machine",
    )


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the pipeline job. Its account, network, key and labels are options of the trials too."""
    pipeline = parser.add_argument_group("pipeline job")
    pipeline.add_argument("--no-cache", action="store_true", help="run every step, also those with a cached result")
    pipeline.add_argument(
        "--failure-policy",
        choices=FAILURE_POLICIES,
        help="after a failed step: run the steps that do not depend on it (slow, the default), or none (fast)",
    )
    pipeline.add_argument("--experiment", type=word, metavar="NAME", help="Vertex AI experiment of the pipeline's run")
    pipeline.add_argument(
        "--cron",
        type=cron_expression,
        metavar="'MIN HOUR DAY MONTH WEEKDAY'",
        help="create a schedule instead of a run; 'TZ=Europe/Berlin 0 3 * * 1' has a time zone (default: UTC)",
    )
    pipeline.add_argument(
        "--max-concurrent-runs", type=whole_number(1), metavar="N", help="with --cron: runs at once (default: 1)"
    )
    pipeline.add_argument("--max-runs", type=whole_number(1), metavar="N", help="with --cron: end the schedule after N")
    pipeline.add_argument(
        "--queue-runs", action="store_true", help="with --cron: start a run later that is due while others run"
    )


def cron_expression(text: str) -> str:
    """Return the text of a schedule, whose form is checked with the other settings. Raises ArgumentTypeError."""
    if not text.isprintable() or not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r:.100}: expected minute, hour, day, month and day of the week")
    return text.strip()


def target_of(arguments: argparse.Namespace) -> Target:
    """Return the target that the options describe."""
    from hydra_vertex.pipelines.submit import Target

    return Target(arguments.project, arguments.location, arguments.root, arguments.api_endpoint or "")


def pipeline_settings(arguments: argparse.Namespace) -> PipelineSettings:
    """Return the fields of the pipeline job that the options describe."""
    from hydra_vertex.pipelines.pipeline_settings import PipelineSettings

    return PipelineSettings(
        service_account=arguments.service_account or "",
        network=arguments.network or "",
        reserved_ip_ranges=tuple(arguments.reserved_ip_range),
        encryption_key=arguments.encryption_key or "",
        labels=labels_of(arguments),
        failure_policy=arguments.failure_policy or "",
        experiment=arguments.experiment or "",
        caching=False if arguments.no_cache else None,
    )


def schedule_of(arguments: argparse.Namespace) -> Schedule | None:
    """Return the schedule; None without --cron. Raises CommandError for an option that only a schedule has."""
    from hydra_vertex.pipelines.pipeline_settings import Schedule
    from hydra_vertex.protocol.errors import CommandError

    if arguments.cron:
        return Schedule(arguments.cron, arguments.max_concurrent_runs or 1, arguments.max_runs, arguments.queue_runs)
    for option in ("max_concurrent_runs", "max_runs", "queue_runs"):
        if getattr(arguments, option):
            raise CommandError(f"--{option.replace('_', '-')} is for schedules; give --cron too, or leave it out")
    return None
