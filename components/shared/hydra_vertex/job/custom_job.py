"""`CustomJob` as a dataclass, read from and written to JSON.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hydra_vertex.protocol.json import Json, JsonObject

from .document import JobError, dump_error, parse_error
from .enums import JobState
from .fields import Fields, present, present_times
from .trial_job_spec import TrialJobSpec, dump_trial_job_spec, parse_trial_job_spec


@dataclass(frozen=True, slots=True)
class CustomJob:
    """A custom job. The service sets the attributes from `name` on; they are empty in a job that is not created yet."""

    display_name: str
    spec: TrialJobSpec
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    state: JobState = JobState.UNSPECIFIED
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    error: JobError | None = None
    other: JsonObject = field(default_factory=dict)


def parse_custom_job(value: Json) -> CustomJob:
    """Read a `CustomJob`. Checks the types of the fields, not their meaning. Raises DocumentError naming the field."""
    fields = Fields(value, "")
    return CustomJob(
        name=fields.text("name"),
        display_name=fields.text("displayName"),
        spec=parse_trial_job_spec(fields.message("jobSpec"), "jobSpec"),
        labels=fields.labels(),
        state=fields.enum("state", JobState, JobState.UNSPECIFIED),
        create_time=fields.time("createTime"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        update_time=fields.time("updateTime"),
        error=parse_error(fields),
        other=fields.rest(),
    )


def dump_custom_job(job: CustomJob) -> JsonObject:
    """Return the JSON of a `CustomJob`."""
    return {
        **job.other,
        **present(
            name=job.name,
            displayName=job.display_name,
            jobSpec=dump_trial_job_spec(job.spec),
            labels=dict(job.labels),
            state=None if job.state is JobState.UNSPECIFIED else job.state.value,
            error=dump_error(job.error),
        ),
        **present_times(
            createTime=job.create_time, startTime=job.start_time, endTime=job.end_time, updateTime=job.update_time
        ),
    }
