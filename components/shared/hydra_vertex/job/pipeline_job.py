"""`PipelineJob` as a dataclass, read from and written to JSON.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hydra_vertex.protocol.json import Json, JsonObject

from .document import JobError, dump_error, parse_error
from .enums import WireEnum
from .fields import Fields, present, present_times


class PipelineState(WireEnum):
    """`PipelineState`. The service changes the state of a pipeline; a client can only request its cancellation."""

    UNSPECIFIED = "PIPELINE_STATE_UNSPECIFIED"
    QUEUED = "PIPELINE_STATE_QUEUED"
    PENDING = "PIPELINE_STATE_PENDING"
    RUNNING = "PIPELINE_STATE_RUNNING"
    SUCCEEDED = "PIPELINE_STATE_SUCCEEDED"
    FAILED = "PIPELINE_STATE_FAILED"
    CANCELLING = "PIPELINE_STATE_CANCELLING"
    CANCELLED = "PIPELINE_STATE_CANCELLED"
    PAUSED = "PIPELINE_STATE_PAUSED"

    @property
    def is_terminal(self) -> bool:
        """Whether a pipeline in this state has ended."""
        return self in {PipelineState.SUCCEEDED, PipelineState.FAILED, PipelineState.CANCELLED}


class TaskState(WireEnum):
    """`PipelineTaskDetail.State`."""

    UNSPECIFIED = "STATE_UNSPECIFIED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    CANCEL_PENDING = "CANCEL_PENDING"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    NOT_TRIGGERED = "NOT_TRIGGERED"


@dataclass(frozen=True, slots=True)
class PipelineTask:
    """A `PipelineTaskDetail`: one step of a pipeline."""

    id: int
    name: str
    state: TaskState = TaskState.PENDING
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """A `RuntimeConfig`: the pipeline's arguments, and the folder of its artifacts (a gs:// URI)."""

    output_directory: str = ""
    arguments: JsonObject = field(default_factory=dict)
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineJob:
    """A pipeline job. `spec` is a `PipelineSpec` of Kubeflow Pipelines.

    The service sets the attributes from `name` to `tasks`; they are empty in a job that is not created yet.
    """

    display_name: str
    spec: JsonObject
    runtime_config: RuntimeConfig = RuntimeConfig()
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    state: PipelineState = PipelineState.UNSPECIFIED
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    update_time: datetime | None = None
    error: JobError | None = None
    tasks: tuple[PipelineTask, ...] = ()
    other: JsonObject = field(default_factory=dict)


def parse_pipeline_job(value: Json) -> PipelineJob:
    """Read a `PipelineJob`. Checks the types of fields, not their meaning. Raises DocumentError naming the field."""
    fields = Fields(value, "")
    detail = fields.child("jobDetail")
    return PipelineJob(
        name=fields.text("name"),
        display_name=fields.text("displayName"),
        spec=_object(fields.message("pipelineSpec"), "pipelineSpec"),
        runtime_config=_parse_runtime_config(fields.child("runtimeConfig")),
        labels=fields.labels(),
        state=fields.enum("state", PipelineState, PipelineState.UNSPECIFIED),
        create_time=fields.time("createTime"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        update_time=fields.time("updateTime"),
        error=parse_error(fields),
        tasks=detail.items("taskDetails", parse_task),
        other=fields.rest(),
    )


def dump_pipeline_job(job: PipelineJob) -> JsonObject:
    """Return the JSON of a `PipelineJob`."""
    tasks: list[Json] = [dump_task(task) for task in job.tasks]
    return {
        **job.other,
        **present(
            name=job.name,
            displayName=job.display_name,
            pipelineSpec=job.spec,
            runtimeConfig=_dump_runtime_config(job.runtime_config),
            labels=dict(job.labels),
            state=None if job.state is PipelineState.UNSPECIFIED else job.state.value,
            error=dump_error(job.error),
            jobDetail={"taskDetails": tasks} if tasks else None,
        ),
        **present_times(
            createTime=job.create_time, startTime=job.start_time, endTime=job.end_time, updateTime=job.update_time
        ),
    }


def parse_task(value: Json, path: str) -> PipelineTask:
    """Read a `PipelineTaskDetail` at `path`. Raises DocumentError naming the field."""
    fields = Fields(value, path)
    return PipelineTask(
        id=fields.integer("taskId"),
        name=fields.text("taskName"),
        state=fields.enum("state", TaskState, TaskState.UNSPECIFIED),
        create_time=fields.time("createTime"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        error=parse_error(fields),
    )


def dump_task(task: PipelineTask) -> JsonObject:
    """Return the JSON of a `PipelineTaskDetail`."""
    return {
        "taskId": str(task.id),
        **present(taskName=task.name, state=task.state.value, error=dump_error(task.error)),
        **present_times(createTime=task.create_time, startTime=task.start_time, endTime=task.end_time),
    }


def _parse_runtime_config(fields: Fields) -> RuntimeConfig:
    return RuntimeConfig(
        output_directory=fields.text("gcsOutputDirectory"),
        arguments=_object(fields.message("parameterValues"), fields.path("parameterValues")),
        other=fields.rest(),
    )


def _dump_runtime_config(config: RuntimeConfig) -> JsonObject:
    return {
        **config.other,
        **present(gcsOutputDirectory=config.output_directory, parameterValues=dict(config.arguments)),
    }


def _object(value: Json, path: str) -> JsonObject:
    """Return an object with its keys as they are: those of a Struct are the user's own."""
    Fields(value, path)  # Raises DocumentError when the value is not an object.
    assert isinstance(value, dict)  # noqa: S101 - checked by Fields
    return value
