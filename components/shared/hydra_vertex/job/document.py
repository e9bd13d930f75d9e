"""The `HyperparameterTuningJob`: parsed from JSON, converted to JSON, and saved to a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json, JsonObject

from .enums import JobState
from .fields import Fields, present, present_times
from .study_spec import StudySpec, dump_study_spec, parse_study_spec
from .trial import Trial, dump_trial, parse_trial
from .trial_job_spec import TrialJobSpec, dump_trial_job_spec, parse_trial_job_spec


@dataclass(frozen=True, slots=True)
class JobError:
    """`google.rpc.Status` of a job that failed; `code` is one of google.rpc.Code."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class HyperparameterTuningJob:
    """A tuning job. The service sets the attributes from `name` on; they are empty in a job that is not created yet.

    `stopping_reason` (`stoppingReason`) is an extension of the embedded service: the limit of `study_stopping` that
    was reached; empty while no limit is reached.
    """

    display_name: str
    study_spec: StudySpec
    trial_job_spec: TrialJobSpec
    max_trial_count: int
    parallel_trial_count: int
    max_failed_trial_count: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    state: JobState = JobState.UNSPECIFIED
    trials: tuple[Trial, ...] = ()
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    error: JobError | None = None
    stopping_reason: str = ""
    other: JsonObject = field(default_factory=dict)


def parse_job(value: Json, path: str = "") -> HyperparameterTuningJob:
    """Read a `HyperparameterTuningJob`. Checks the types of the fields, not their meaning.

    Raises DocumentError naming the field.
    """
    fields = Fields(value, path)
    return HyperparameterTuningJob(
        name=fields.text("name"),
        display_name=fields.text("displayName"),
        study_spec=parse_study_spec(fields.message("studySpec"), fields.path("studySpec")),
        trial_job_spec=parse_trial_job_spec(fields.message("trialJobSpec"), fields.path("trialJobSpec")),
        max_trial_count=fields.integer("maxTrialCount"),
        parallel_trial_count=fields.integer("parallelTrialCount"),
        max_failed_trial_count=fields.integer("maxFailedTrialCount"),
        labels=fields.labels(),
        state=fields.enum("state", JobState, JobState.UNSPECIFIED),
        trials=fields.items("trials", parse_trial),
        create_time=fields.time("createTime"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        update_time=fields.time("updateTime"),
        error=parse_error(fields),
        stopping_reason=fields.text("stoppingReason"),
        other=fields.rest(),
    )


def dump_job(job: HyperparameterTuningJob) -> JsonObject:
    """Return the JSON of a `HyperparameterTuningJob`."""
    return {
        **job.other,
        **present(
            name=job.name,
            displayName=job.display_name,
            studySpec=dump_study_spec(job.study_spec),
            trialJobSpec=dump_trial_job_spec(job.trial_job_spec),
            maxTrialCount=job.max_trial_count,
            parallelTrialCount=job.parallel_trial_count,
            maxFailedTrialCount=job.max_failed_trial_count,
            labels=dict(job.labels),
            state=None if job.state is JobState.UNSPECIFIED else job.state.value,
            trials=[dump_trial(trial) for trial in job.trials],
            error=dump_error(job.error),
            stoppingReason=job.stopping_reason,
        ),
        **present_times(
            createTime=job.create_time, startTime=job.start_time, endTime=job.end_time, updateTime=job.update_time
        ),
    }


def save_job(job: HyperparameterTuningJob, path: Path) -> None:
    """Write a job to a JSON file atomically. Raises OSError."""
    write_atomic(path, json.dumps(dump_job(job), indent=2) + "\n")


def parse_error(fields: Fields) -> JobError | None:
    """Read the field `error` of a job; None when it has none. Raises DocumentError naming the field."""
    if not fields.has("error"):
        return None
    error = fields.child("error")
    return JobError(error.integer("code"), error.text("message"))


def dump_error(error: JobError | None) -> JsonObject | None:
    """Return the JSON of a `google.rpc.Status`; None without an error."""
    return None if error is None else {"code": error.code, "message": error.message}
