"""Checks of pipeline jobs: with `aiplatform_v1.PipelineServiceClient` over REST and gRPC, and with the SDK."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.variables import variable_set

from .endpoint import LOCATION, Endpoint, python
from .expectation import Skipped, expect, expect_equal, refused, wait_for
from .gapic import channel, credentials, message
from .sdk import settings_kept

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1
    from google.cloud.aiplatform_v1 import PipelineServiceClient

Check: TypeAlias = "Callable[[PipelineServiceClient, Endpoint], None]"

ROOT = "gs://contract/runs"
STORAGE_HOST = "STORAGE_EMULATOR_HOST"
"""The variable that sends the SDK's question about the bucket to the service: nobody else may have to answer it."""
_SCRIPT = """
import sys, time
mode, number, file = sys.argv[1:]
if mode == "fail":
    sys.exit("the step's last line")
if mode == "sleep":
    time.sleep(600)
open(file, "w").write(str(int(float(number)) + 1))
"""
"""A step without a library: its arguments are the mode, a whole number, and the file of its output."""


def connect(endpoint: Endpoint, transport: str) -> PipelineServiceClient:
    """Create the client with its public options only. Raises Skipped when the service has no such transport."""
    from google.cloud import aiplatform_v1

    if transport == "rest":
        return aiplatform_v1.PipelineServiceClient(
            client_options={"api_endpoint": endpoint.rest}, transport="rest", credentials=credentials(endpoint)
        )
    if not endpoint.grpc:
        raise Skipped("the service has no gRPC; start it with --grpc-port")
    from google.cloud.aiplatform_v1.services.pipeline_service.transports import PipelineServiceGrpcTransport

    return aiplatform_v1.PipelineServiceClient(transport=PipelineServiceGrpcTransport(channel=channel(endpoint)))


def check_a_pipeline_runs_and_shows_its_tasks(client: PipelineServiceClient, endpoint: Endpoint) -> None:
    """Create with an id, get, the tasks with their states and times, list, delete."""
    from google.api_core import exceptions
    from google.cloud.aiplatform_v1 import PipelineState, PipelineTaskDetail

    job_id = _id()
    created = _create(client, endpoint, job_id, mode="")
    expect_equal(created.name, f"{endpoint.parent}/pipelineJobs/{job_id}", "the name of a pipeline job")
    expect_equal(created.state, PipelineState.PIPELINE_STATE_PENDING, "the state of a created pipeline job")
    job = _ended(client, created.name, endpoint)
    expect_equal(job.state, PipelineState.PIPELINE_STATE_SUCCEEDED, f"the state of the ended job ({job.error})")
    tasks = sorted(job.job_detail.task_details, key=lambda task: task.start_time)
    expect_equal([task.task_name for task in tasks], ["first", "second"], "the tasks in the order of their start")
    for task in tasks:
        expect_equal(task.state, PipelineTaskDetail.State.SUCCEEDED, f"the state of task {task.task_name}")
    times = [job.create_time, job.start_time, job.end_time]
    expect(times == sorted(times), f"create, start and end times are not in order: {times}")
    listed = client.list_pipeline_jobs(parent=endpoint.parent)
    expect_equal(job.name in [each.name for each in listed], True, "whether the job is listed")
    with refused(exceptions.Conflict, "already exists"):
        _create(client, endpoint, job_id, mode="")
    client.delete_pipeline_job(name=job.name).result()
    with refused(exceptions.NotFound, "is not found"):
        client.get_pipeline_job(name=job.name)


def check_a_failed_step_fails_the_pipeline_and_says_why(client: PipelineServiceClient, endpoint: Endpoint) -> None:
    """The failed task, the task that was never started, and the job's error."""
    from google.cloud.aiplatform_v1 import PipelineState, PipelineTaskDetail

    job = _ended(client, _create(client, endpoint, _id(), mode="fail").name, endpoint)
    expect_equal(job.state, PipelineState.PIPELINE_STATE_FAILED, "the state of a pipeline with a failed step")
    states = {task.task_name: task.state for task in job.job_detail.task_details}
    expected = {"first": PipelineTaskDetail.State.FAILED, "second": PipelineTaskDetail.State.NOT_TRIGGERED}
    expect_equal(states, expected, "the states of the tasks")
    expect("The failed tasks are: [first]" in job.error.message, f"the error is {job.error.message!r}")
    expect("the step's last line" in job.error.message, f"the error is {job.error.message!r}")


def check_a_running_pipeline_is_cancelled(client: PipelineServiceClient, endpoint: Endpoint) -> None:
    """Cancel, and the state afterwards; a pipeline that runs is not deleted."""
    from google.api_core import exceptions
    from google.cloud.aiplatform_v1 import PipelineState, PipelineTaskDetail

    name = _create(client, endpoint, _id(), mode="sleep").name
    running = PipelineTaskDetail.State.RUNNING
    wait_for(
        lambda: any(t.state == running for t in client.get_pipeline_job(name=name).job_detail.task_details) or None,
        "a running task",
        endpoint.timeout_s,
    )
    with refused(exceptions.BadRequest, "cancel it first"):
        client.delete_pipeline_job(name=name)
    client.cancel_pipeline_job(name=name)
    job = _ended(client, name, endpoint)
    expect_equal(job.state, PipelineState.PIPELINE_STATE_CANCELLED, "the state of a cancelled pipeline")


def check_a_wrong_argument_of_a_pipeline_is_refused_by_name(client: PipelineServiceClient, endpoint: Endpoint) -> None:
    """An argument that the pipeline does not have, and one that is missing."""
    from google.api_core import exceptions

    wrong = {"parameterValues.more": ("mode", "number", "more"), "parameterValues.number": ("mode",)}
    for words, arguments in wrong.items():
        job = pipeline_job(**dict.fromkeys(arguments, "1"))
        with refused(exceptions.BadRequest, words):
            client.create_pipeline_job(
                parent=endpoint.parent, pipeline_job=message("PipelineJob", job), pipeline_job_id=_id()
            )


CHECKS: tuple[Check, ...] = (
    check_a_pipeline_runs_and_shows_its_tasks,
    check_a_failed_step_fails_the_pipeline_and_says_why,
    check_a_running_pipeline_is_cancelled,
    check_a_wrong_argument_of_a_pipeline_is_refused_by_name,
)


def check_a_pipeline_runs_through_the_sdk(endpoint: Endpoint) -> None:
    """`PipelineJob.submit`, `wait`, `get`, `list`, `cancel` and `delete`."""
    # The library prints its progress to the stdout that is set when it is imported.
    with contextlib.redirect_stdout(io.StringIO()), settings_kept(), variable_set(STORAGE_HOST, endpoint.rest):
        _run_through_the_sdk(endpoint)


def _run_through_the_sdk(endpoint: Endpoint) -> None:
    from google.cloud import aiplatform

    states = aiplatform.gapic.PipelineState
    access = credentials(endpoint)
    aiplatform.init(
        project=endpoint.project,
        location=LOCATION,
        api_endpoint=endpoint.rest,
        api_transport="rest",
        credentials=access,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pipeline.json")
        file.write_text(json.dumps(PIPELINE))
        job, stopped = (
            aiplatform.PipelineJob(
                display_name="contract",
                template_path=str(file),
                job_id=_id(),
                pipeline_root=ROOT,
                parameter_values={"mode": mode, "number": 1},
                enable_caching=False,
                labels={"contract": "held"},
            )
            for mode in ("", "sleep")
        )
    for each in (job, stopped):
        each.submit()
    job.wait()
    expect_equal(job.state, states.PIPELINE_STATE_SUCCEEDED, "the pipeline's state")
    expect_equal(
        aiplatform.PipelineJob.get(job.resource_name).state, job.state, "the state of the job that get() reads"
    )
    listed = aiplatform.PipelineJob.list(filter="labels.contract=held")
    expect_equal(job.resource_name in [each.resource_name for each in listed], True, "whether the job is listed")
    stopped.cancel()
    stopped.wait()
    expect_equal(stopped.state, states.PIPELINE_STATE_CANCELLED, "the state of the cancelled pipeline")
    for each in (job, stopped):
        each.delete()


def pipeline_job(**arguments: Json) -> JsonObject:
    """Return a `PipelineJob` of two steps with these arguments."""
    return {
        "displayName": "contract",
        "pipelineSpec": PIPELINE,
        "runtimeConfig": {"gcsOutputDirectory": ROOT, "parameterValues": arguments},
        "labels": {"contract": "held"},
    }


def _create(client: PipelineServiceClient, endpoint: Endpoint, job_id: str, mode: str) -> aiplatform_v1.PipelineJob:
    """Create a pipeline job. Raises Skipped when the service runs no pipelines."""
    from google.api_core import exceptions

    job = message("PipelineJob", pipeline_job(mode=mode, number=1))
    try:
        return client.create_pipeline_job(parent=endpoint.parent, pipeline_job=job, pipeline_job_id=job_id)
    except exceptions.MethodNotImplemented as error:
        raise Skipped(str(error)) from error


def _ended(client: PipelineServiceClient, name: str, endpoint: Endpoint) -> aiplatform_v1.PipelineJob:
    def ended() -> aiplatform_v1.PipelineJob | None:
        job = client.get_pipeline_job(name=name)
        return job if job.end_time else None

    return wait_for(ended, f"the end of {name}", endpoint.timeout_s)


def _id() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


def _component(label: str) -> JsonObject:
    return {
        "executorLabel": label,
        "inputDefinitions": {
            "parameters": {"mode": {"parameterType": "STRING"}, "number": {"parameterType": "NUMBER_INTEGER"}}
        },
        "outputDefinitions": {"parameters": {"next": {"parameterType": "NUMBER_INTEGER"}}},
    }


def _executor() -> JsonObject:
    inputs = ["{{$.inputs.parameters['mode']}}", "{{$.inputs.parameters['number']}}"]
    arguments: list[Json] = [*python(_SCRIPT)[1:], *inputs, "{{$.outputs.parameters['next'].output_file}}"]
    return {"container": {"image": "gcr.io/contract/image", "command": [sys.executable], "args": arguments}}


PIPELINE: JsonObject = {
    "pipelineInfo": {"name": "contract"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
    "deploymentSpec": {"executors": {"exec-first": _executor(), "exec-second": _executor()}},
    "components": {"comp-first": _component("exec-first"), "comp-second": _component("exec-second")},
    "root": {
        "inputDefinitions": {
            "parameters": {"mode": {"parameterType": "STRING"}, "number": {"parameterType": "NUMBER_INTEGER"}}
        },
        "dag": {
            "tasks": {
                "first": {
                    "taskInfo": {"name": "first"},
                    "componentRef": {"name": "comp-first"},
                    "inputs": {
                        "parameters": {
                            "mode": {"componentInputParameter": "mode"},
                            "number": {"componentInputParameter": "number"},
                        }
                    },
                },
                "second": {
                    "taskInfo": {"name": "second"},
                    "componentRef": {"name": "comp-second"},
                    "dependentTasks": ["first"],
                    "inputs": {
                        "parameters": {
                            "mode": {"runtimeValue": {"constant": ""}},
                            "number": {"taskOutputParameter": {"producerTask": "first", "outputParameterKey": "next"}},
                        }
                    },
                },
            }
        },
    },
}
"""A compiled pipeline of two steps, the second of which needs the first."""
