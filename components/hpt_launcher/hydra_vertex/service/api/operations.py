"""The operations of JobService, independent of the transport: they take documents and names, and return documents.

`rest` and `grpc_front` call them. Every method raises Refusal or DocumentError for a wrong request.
Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs
"""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

from hydra_vertex.job import CustomJob, HyperparameterTuningJob, parse_custom_job, parse_job
from hydra_vertex.job.machine_use import dump_machine_use
from hydra_vertex.job.pipeline_job import PipelineJob, parse_pipeline_job
from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.engine.engine import Engine
from hydra_vertex.service.machines.study_curves import read_study
from hydra_vertex.service.resource_names import JobKind, parse_job_name, parse_parent
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.validation.jobs import validate, validate_custom_job
from hydra_vertex.service.validation.pipeline_job import validate_pipeline_job

from .google_messages import canonical, unknown_path
from .listing import Page, parse_list_request
from .request_threads import in_thread

OUTPUT_ONLY = {
    "name",
    "state",
    "createTime",
    "startTime",
    "endTime",
    "updateTime",
    "error",
    "trials",
    "jobDetail",
    "scheduleName",
    "webAccessUris",
    "satisfiesPzs",
    "satisfiesPzi",
}
"""Output-only fields of a job: values that a client sends are ignored, as in the real API."""

BATCH_S = 0.005
"""How long the event loop reads jobs for a list before it handles other requests."""

_OPERATION = re.compile(r"(projects/[^/]+/locations/[^/]+)/operations/delete-([1-9][0-9]{0,17})-[0-9a-f]{8}")


class Operations:
    """The operations of one service. All methods must be called in the engine's event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = asyncio.Lock()

    async def create(self, kind: JobKind, parent: str, read: Callable[[], Json], given_id: str = "") -> JsonObject:
        """Create the job whose document `read` returns, and return its document once it is recorded.

        `read` is called in a thread. `given_id` is the id of a new pipeline job; empty for one that the service makes.
        """
        parse_parent(parent)
        match await in_thread(_checked, kind, read):
            case CustomJob() as job:
                return await self._engine.create_custom_job(parent, job)
            case PipelineJob() as job:
                return await self._engine.create_pipeline_job(parent, given_id, job)
            case job:
                return await self._engine.create(parent, job)

    def get(self, kind: JobKind, name: str) -> JsonObject:
        """Return the document of a job; that of a tuning job contains all of its trials."""
        return self._engine.get(parse_job_name(name, kind))

    def text(self, kind: JobKind, name: str) -> str:
        """Return the document of a job as JSON text, which is faster than `get`."""
        return self._engine.text(parse_job_name(name, kind))

    async def list(self, kind: JobKind, parent: str, fields: Mapping[str, Json]) -> JsonObject:
        """Return a page of jobs, newest first. Tuning jobs have no trials in a list, as Google documents it."""
        parse_parent(parent)
        page = await in_thread(_new_page, kind, fields)
        found = self._engine.jobs(parent, kind, page.request.before)
        while not page.is_complete:
            async with self._turn():
                batch = _batch(found)
            if not batch:
                break
            await in_thread(page.take, batch)
        jobs = {kind.value: page.jobs} if page.jobs else {}
        return {**jobs, **({"nextPageToken": page.next_token} if page.next_token else {})}

    async def machine_use(self, name: str, fields: Mapping[str, Json]) -> JsonObject:
        """Return what the machines of a tuning job's trials were busy with: no method of Google's API.

        `points` is the largest number of points of a curve.
        """
        folder = self._engine.trials_folder(parse_job_name(name, JobKind.TUNING))
        points = _points(fields.get("points"))
        return await in_thread(lambda: dump_machine_use(read_study(folder, points)))

    async def cancel(self, kind: JobKind, name: str) -> None:
        """Request the cancellation of a job."""
        await self._engine.cancel(parse_job_name(name, kind))

    async def stop_trial(self, name: str, trial_id: str) -> None:
        """Stop a running trial of a tuning job early. Google's API has no such method for tuning jobs."""
        await self._engine.stop_trial(parse_job_name(name, JobKind.TUNING), trial_id)

    async def trial_log(self, name: str, trial_id: str) -> JsonObject:
        """Return the end of a trial's log. Google's API has no such method; its logs are in Cloud Logging."""
        return {"log": await self._engine.tuning_jobs.trial_log(parse_job_name(name, JobKind.TUNING), trial_id)}

    async def delete(self, kind: JobKind, name: str) -> JsonObject:
        """Delete a job that has ended. Return a long-running operation that is already done."""
        job = parse_job_name(name, kind)
        return _deletion(job.parent, await self._engine.delete(job))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Serialise work that blocks the event loop for milliseconds, so that other requests are answered in between.

        Otherwise a hundred simultaneous list requests would delay all other answers until the last of them is done.
        """
        async with self._turns:
            yield
            await asyncio.sleep(0)

    def get_operation(self, name: str) -> JsonObject:
        """Return the operation of a deletion, which is always done. Raises Refusal when no such job was deleted."""
        match = _OPERATION.fullmatch(name)
        operation = _deletion(match[1], match[2]) if match else {}
        if match is None or operation["name"] != name or not self._engine.was_deleted(int(match[2])):
            raise Refusal(Status.NOT_FOUND, f"{name} is not found")
        return operation


def _checked(kind: JobKind, read: Callable[[], Json]) -> HyperparameterTuningJob | CustomJob | PipelineJob:
    checked = canonical(kind, read())
    given = {name: value for name, value in checked.items() if name not in OUTPUT_ONLY}
    if kind is JobKind.CUSTOM:
        custom_job = parse_custom_job(given)
        validate_custom_job(custom_job)
        return custom_job
    if kind is JobKind.PIPELINE:
        pipeline_job = parse_pipeline_job(given)
        validate_pipeline_job(pipeline_job)
        return pipeline_job
    job = parse_job(given)
    validate(job)
    return job


def _points(given: Json) -> int | None:
    """Return the number of points that is asked for; None for all. Raises Refusal (INVALID_ARGUMENT)."""
    if given is None:
        return None
    text = str(given)
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        message = f"points: expected a number from 1 to 999999, got {quoted(given)}"
        raise Refusal(Status.INVALID_ARGUMENT, message, "points")
    return int(text)


def _new_page(kind: JobKind, fields: Mapping[str, Json]) -> Page:
    request = parse_list_request(fields)
    path = unknown_path(kind, request.paths) if request.paths else None
    if path is not None:
        message = f"readMask: {quoted(path)} is not a field of the job"
        raise Refusal(Status.INVALID_ARGUMENT, message, "readMask")
    return Page(request)


def _batch(found: Iterator[tuple[int, JsonObject]]) -> list[tuple[int, JsonObject]]:
    """Return the jobs that can be read within BATCH_S; an empty list when there are no more."""
    batch = []
    deadline = time.monotonic() + BATCH_S
    for pair in found:
        batch.append(pair)
        if time.monotonic() >= deadline:
            break
    return batch


def _deletion(parent: str, job_id: str) -> JsonObject:
    # Only the fact that its id was used is kept of a deleted job; the checksum binds the operation to the parent.
    return {
        "name": f"{parent}/operations/delete-{job_id}-{zlib.crc32(parent.encode()):08x}",
        "done": True,
        "metadata": {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.DeleteOperationMetadata"},
        "response": {"@type": "type.googleapis.com/google.protobuf.Empty"},
    }
