"""The fields of a PipelineJob and of its schedule that the options of `submit` set. Pure.

Source of the fields: pipeline_job.proto and schedule.proto in google/cloud/aiplatform/v1, and the parameters of
`aiplatform.PipelineJob` and `PipelineJobSchedule.create`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.protocol.errors import UserError

FAILURE_POLICIES = ("slow", "fast")
"""The names of Google's SDK: go on with the tasks that do not depend on a failed one, or start no more tasks."""
CRON_FIELDS = 5
_TIME_ZONE = re.compile(r"(?:CRON_)?TZ=[A-Za-z0-9_+/-]+\s+")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,?#-]+")
_EXPERIMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_NOT_HERE = {
    "--experiment": "experiments",
    "--cron": "schedules",
}


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Fields of the PipelineJob; empty leaves a field out.

    `caching` None keeps each step's compiled setting. `network` has the form `projects/N/global/networks/V`.
    """

    service_account: str = ""
    network: str = ""
    reserved_ip_ranges: tuple[str, ...] = ()
    encryption_key: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    failure_policy: str = ""
    experiment: str = ""
    caching: bool | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When Vertex AI starts the pipeline. `cron` is in UTC unless it begins with `TZ=ZONE`.

    `max_runs` None means no limit. A run that is due while `max_concurrent_runs` run is started later if `queues`, else
    left out.
    """

    cron: str
    max_concurrent_runs: int = 1
    max_runs: int | None = None
    queues: bool = False


def require_settings(settings: PipelineSettings, schedule: Schedule | None, location: str, api_endpoint: str) -> None:
    """Check the settings before anything is sent. Raises UserError naming the option."""
    key = settings.encryption_key
    if key and f"/locations/{location}/" not in key:
        raise UserError(f"--encryption-key {key}: the key must be in the location of the pipeline, {location}")
    if settings.experiment and _EXPERIMENT.fullmatch(settings.experiment) is None:
        raise UserError(
            f"--experiment {settings.experiment}: expected 1 to 128 lowercase letters, digits and dashes, and no dash "
            "first"
        )
    if schedule is not None:
        _require_schedule(schedule, settings)
    if api_endpoint.startswith("http://"):
        _require_local(settings, schedule)


def _require_schedule(schedule: Schedule, settings: PipelineSettings) -> None:
    fields = _TIME_ZONE.sub("", schedule.cron, count=1).split()
    if len(fields) != CRON_FIELDS or not all(_CRON_FIELD.fullmatch(each) for each in fields):
        raise UserError(
            f"--cron {schedule.cron}: expected minute, hour, day of the month, month and day of the week, such as "
            "'0 3 * * 1', or with a time zone 'TZ=Europe/Berlin 0 3 * * 1'"
        )
    # Google's SDK copies neither from a pipeline job into a schedule.
    for option, value in (
        ("--experiment", settings.experiment),
        ("--reserved-ip-range", ", ".join(settings.reserved_ip_ranges)),
    ):
        if value:
            raise UserError(f"{option} {value}: a schedule's runs cannot have it; leave it out, or leave out --cron")


def _require_local(settings: PipelineSettings, schedule: Schedule | None) -> None:
    given = {"--experiment": settings.experiment, "--cron": "" if schedule is None else schedule.cron}
    for option, value in given.items():
        if value:
            raise UserError(
                f"{option} {value}: the embedded service has no {_NOT_HERE[option]}; leave the option out for a "
                "rehearsal, or submit to Vertex AI"
            )
