"""Resource names: `projects/P/locations/L/COLLECTION/ID`. Pure.

Ids are those of the service's database and of a trial, so that none of them can lead out of the service's folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from hydra_vertex.job.quoting import quoted

from .status import Refusal, Status

# The parent's name is part of each trial's, so that its length is limited; neither has control characters.
_PART = r"[^/\x00-\x1f\x7f]{1,100}"
_PARENT = re.compile(rf"projects/{_PART}/locations/{_PART}")
_JOB = re.compile(rf"({_PARENT.pattern})/([A-Za-z]+)/([^/]+)")
_TRIAL_CUSTOM_JOB = re.compile(r"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")


class JobKind(Enum):
    """The kinds of job that the service has; the value is the collection's name."""

    TUNING = "hyperparameterTuningJobs"
    CUSTOM = "customJobs"


@dataclass(frozen=True, slots=True)
class JobName:
    """The name of a job. `parent` is `projects/P/locations/L`."""

    parent: str
    kind: JobKind
    id: str

    def __str__(self) -> str:
        return f"{self.parent}/{self.kind.value}/{self.id}"


def parse_job_name(text: str, kind: JobKind) -> JobName:
    """Read the name of a job of that kind. Raises Refusal (INVALID_ARGUMENT)."""
    match = _JOB.fullmatch(text)
    if match is None or match[2] != kind.value:
        raise Refusal(
            Status.INVALID_ARGUMENT,
            f"name: expected projects/P/locations/L/{kind.value}/ID, got {quoted(text)}",
        )
    return JobName(match[1], kind, match[3])


def parse_parent(text: str) -> str:
    """Check `projects/P/locations/L`. Raises Refusal (INVALID_ARGUMENT)."""
    if _PARENT.fullmatch(text) is None:
        raise Refusal(Status.INVALID_ARGUMENT, f"parent: expected projects/P/locations/L, got {quoted(text)}")
    return text


def trial_custom_job(tuning_job: str, trial_id: str) -> str:
    """The name of the CustomJob that a trial of the tuning job is."""
    parent, _, job_id = tuning_job.rpartition(f"/{JobKind.TUNING.value}/")
    return f"{parent}/{JobKind.CUSTOM.value}/{job_id}-{trial_id}"


def trial_of_custom_job(custom_job_id: str) -> tuple[str, str] | None:
    """The tuning job's id and the trial's id behind a trial's CustomJob; None when the id is no trial's."""
    match = _TRIAL_CUSTOM_JOB.fullmatch(custom_job_id)
    return None if match is None else (match[1], match[2])
