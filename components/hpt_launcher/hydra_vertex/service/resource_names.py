"""Resource names: `projects/P/locations/L/COLLECTION/ID`. Pure.

Ids are matched against ids of the database, so that no name can refer to a path outside the service's folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from hydra_vertex.job.quoting import quoted

from .status import Refusal, Status

# Each trial's name contains the parent's name, so its length is limited. Names contain no control characters.
_PART = r"[^/\x00-\x1f\x7f]{1,100}"
_PARENT = re.compile(rf"projects/{_PART}/locations/{_PART}")
_JOB = re.compile(rf"({_PARENT.pattern})/([A-Za-z]+)/([^/]+)")
_TRIAL_CUSTOM_JOB = re.compile(r"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")

ANY_PARENT = "projects/-/locations/-"
"""Stands for all parents in a list, as in other APIs of Google. Source: https://google.aip.dev/159."""


class JobKind(Enum):
    """The kinds of job that the service supports; the value is the name of the collection."""

    TUNING = "hyperparameterTuningJobs"
    CUSTOM = "customJobs"
    PIPELINE = "pipelineJobs"


@dataclass(frozen=True, slots=True)
class JobName:
    """The name of a job. `parent` is `projects/P/locations/L`."""

    parent: str
    kind: JobKind
    id: str

    def __str__(self) -> str:
        return f"{self.parent}/{self.kind.value}/{self.id}"


def parse_job_name(text: str, kind: JobKind) -> JobName:
    """Parse the name of a job of the given kind. Raises Refusal (INVALID_ARGUMENT)."""
    match = _JOB.fullmatch(text)
    if match is None or match[2] != kind.value:
        raise Refusal(
            Status.INVALID_ARGUMENT,
            f"name: expected projects/P/locations/L/{kind.value}/ID, got {quoted(text)}",
        )
    return JobName(match[1], kind, match[3])


def parse_parent(text: str) -> str:
    """Return `text` when it is `projects/P/locations/L`. Raises Refusal (INVALID_ARGUMENT) otherwise."""
    if _PARENT.fullmatch(text) is None:
        raise Refusal(Status.INVALID_ARGUMENT, f"parent: expected projects/P/locations/L, got {quoted(text)}")
    return text


def trial_custom_job(tuning_job: str, trial_id: str) -> str:
    """Return the name of the CustomJob that represents a trial of the tuning job."""
    parent, _, job_id = tuning_job.rpartition(f"/{JobKind.TUNING.value}/")
    return f"{parent}/{JobKind.CUSTOM.value}/{job_id}-{trial_id}"


def trial_of_custom_job(custom_job_id: str) -> tuple[str, str] | None:
    """Return the tuning job's id and the trial's id for the id of a trial's CustomJob; None for any other id."""
    match = _TRIAL_CUSTOM_JOB.fullmatch(custom_job_id)
    return None if match is None else (match[1], match[2])
