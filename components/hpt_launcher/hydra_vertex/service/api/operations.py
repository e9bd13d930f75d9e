"""JobService's operations, whichever way a request came: documents and names in, documents out.

`api` (REST) and `grpc_api` are the two fronts. Every method raises Refusal or DocumentError.
Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Mapping
from itertools import islice

from hydra_vertex.job import parse_custom_job, parse_job
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.engine.engine import Engine
from hydra_vertex.service.resource_names import JobKind, parse_job_name, parse_parent
from hydra_vertex.service.status import Refusal, Status

from .google_messages import canonical, unknown_path
from .listing import masked, parse_list_request

OUTPUT_ONLY = {
    "name",
    "state",
    "createTime",
    "startTime",
    "endTime",
    "updateTime",
    "error",
    "trials",
    "webAccessUris",
    "satisfiesPzs",
    "satisfiesPzi",
}
"""The service's own fields: as with the real API, what a client writes into them is passed over."""

_OPERATION = re.compile(r"(projects/[^/]+/locations/[^/]+)/operations/delete-([1-9][0-9]{0,17})-[0-9a-f]{8}")


class Operations:
    """The operations of one service. Lives in the engine's event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def create(self, kind: JobKind, parent: str, document: Json) -> JsonObject:
        """Create a job; answered when it is recorded."""
        parse_parent(parent)
        # The first request may have to wait for the message classes; others are answered meanwhile.
        checked = await asyncio.to_thread(canonical, kind, document)
        given = {name: value for name, value in checked.items() if name not in OUTPUT_ONLY}
        match kind:
            case JobKind.TUNING:
                return await self._engine.create(parent, parse_job(given))
            case JobKind.CUSTOM:
                return await self._engine.create_custom_job(parent, parse_custom_job(given))

    def get(self, kind: JobKind, name: str) -> JsonObject:
        """A job, a tuning job with all of its trials."""
        return self._engine.get(parse_job_name(name, kind))

    def text(self, kind: JobKind, name: str) -> str:
        """The same as JSON, which need not be read first."""
        return self._engine.text(parse_job_name(name, kind))

    async def list(self, kind: JobKind, parent: str, fields: Mapping[str, Json]) -> JsonObject:
        """A page of jobs, newest first; as Google documents it, tuning jobs come without their trials."""
        parse_parent(parent)
        wanted = parse_list_request(fields)
        if wanted.paths and (path := await asyncio.to_thread(unknown_path, kind, wanted.paths)):
            raise Refusal(Status.INVALID_ARGUMENT, f"readMask: {path!r} is no field of the job", "readMask")
        found = (pair for pair in self._engine.jobs(parent, kind, wanted.before) if wanted.matches(pair[1]))
        page = list(islice(found, wanted.page_size))
        is_last = len(page) < wanted.page_size or next(found, None) is None
        token = {} if is_last else {"nextPageToken": str(page[-1][0])}
        jobs = [masked(document, wanted.paths) for _, document in page]
        return {**({kind.value: jobs} if jobs else {}), **token}

    async def cancel(self, kind: JobKind, name: str) -> None:
        """Ask for the end of a job."""
        await self._engine.cancel(parse_job_name(name, kind))

    async def delete(self, kind: JobKind, name: str) -> JsonObject:
        """Delete a job that has ended: a long-running operation that is done at once."""
        job = parse_job_name(name, kind)
        await self._engine.delete(job)
        return _deletion(job.parent, job.id)

    def get_operation(self, name: str) -> JsonObject:
        """A deletion; each is done since it was answered."""
        match = _OPERATION.fullmatch(name)
        operation = _deletion(match[1], match[2]) if match else {}
        if match is None or operation["name"] != name or not self._engine.was_deleted(int(match[2])):
            raise Refusal(Status.NOT_FOUND, f"{name} is not found")
        return operation


def _deletion(parent: str, job_id: str) -> JsonObject:
    # Of a deleted job nothing is kept but that its id was given; the sum ties the operation to the job's parent.
    return {
        "name": f"{parent}/operations/delete-{job_id}-{zlib.crc32(parent.encode()):08x}",
        "done": True,
        "metadata": {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.DeleteOperationMetadata"},
        "response": {"@type": "type.googleapis.com/google.protobuf.Empty"},
    }
