"""JobService and PipelineService v1 over gRPC: generic handlers that convert Google's messages and call `operations`.

The connection is plaintext, so the server listens on loopback only. The methods are those of job_service.proto and
pipeline_service.proto in google/cloud/aiplatform/v1, and of google/longrunning/operations.proto; gRPC answers
UNIMPLEMENTED to any other method.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.access.connection import owner_of_peer
from hydra_vertex.service.access.gate import Gate
from hydra_vertex.service.resource_names import JobKind
from hydra_vertex.service.status import Refusal, Status, error_details

from .connection_limits import LIMITS, ConnectionLimits
from .error_answer import ErrorAnswer, answer_to
from .google_messages import RESOURCES, message_class, request_document, to_message
from .operations import Operations
from .request_body import BODY_LIMIT_BYTES
from .request_threads import in_thread

if TYPE_CHECKING:
    import grpc  # type: ignore[import-untyped]  # its types are published apart from it
    from google.protobuf.message import Message

HOST = "127.0.0.1"
STOP_GRACE_S = 1.0
JOB_SERVICE = "google.cloud.aiplatform.v1.JobService"
PIPELINE_SERVICE = "google.cloud.aiplatform.v1.PipelineService"
OPERATIONS = "google.longrunning.Operations"

Answer: TypeAlias = "Callable[[Message], Awaitable[Message]]"
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Check: TypeAlias = "Callable[[Context], Awaitable[None]]"

logger = logging.getLogger(__name__)


class GrpcServer:
    """A gRPC server in the running event loop. Used as an async context manager, it answers inside the context."""

    def __init__(self, operations: Operations, port: int, gate: Gate, limits: ConnectionLimits = LIMITS) -> None:
        """Listen on a port of loopback; 0 selects a free port. Raises UserError when the port cannot be used."""
        # Trials are started by fork and exec, so gRPC need not work in a forked process.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
        import grpc.aio  # type: ignore[import-untyped]  # its types are published apart from it

        self._server = grpc.aio.server(options=_options(limits), maximum_concurrent_rpcs=limits.connections)
        self._port = 0
        check = partial(_require_access, gate, lambda: (HOST, self._port))
        self._server.add_generic_rpc_handlers(_handlers(operations, check))
        try:
            self._port = self._server.add_insecure_port(f"{HOST}:{port}")
        except RuntimeError as error:
            raise UserError(
                f"port {port} of {HOST} cannot be used for gRPC ({error}); --grpc-port 0 selects a free one"
            ) from error

    @property
    def address(self) -> str:
        """The address of the server, as `HOST:PORT`."""
        return f"{HOST}:{self._port}"

    async def __aenter__(self) -> GrpcServer:
        """Start to answer requests."""
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Answer the running requests within STOP_GRACE_S, and stop."""
        await self._server.stop(STOP_GRACE_S)


def _options(limits: ConnectionLimits) -> list[tuple[str, int]]:
    """Return the options of gRPC's core that limit connections.

    A connection is closed when its handshake is not complete after `request_s`. It is also closed at the age of
    `request_s`: at once when it has no call, else when its calls have ended or `request_s` has passed again. An active
    client then opens a new connection without an error.
    Source: https://grpc.github.io/grpc/cpp/channel__arg__names_8h.html
    """
    request_ms = round(1000 * limits.request_s)
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", BODY_LIMIT_BYTES),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.server_handshake_timeout_ms", request_ms),
        ("grpc.max_connection_age_ms", request_ms),
        ("grpc.max_connection_age_grace_ms", request_ms),
    ]


def _handlers(operations: Operations, check: Check) -> tuple[grpc.GenericRpcHandler, ...]:
    import grpc

    services = {
        JOB_SERVICE: [*_methods(JobKind.TUNING), *_methods(JobKind.CUSTOM)],
        PIPELINE_SERVICE: _methods(JobKind.PIPELINE),
        OPERATIONS: ["GetOperation", "WaitOperation"],
    }
    return tuple(
        grpc.method_handlers_generic_handler(service, {name: _method(name, operations, check) for name in names})
        for service, names in services.items()
    )


def _methods(kind: JobKind) -> list[str]:
    resource = RESOURCES[kind]
    return [*(f"{verb}{resource}" for verb in ("Create", "Get", "Cancel", "Delete")), f"List{resource}s"]


def _method(name: str, operations: Operations, check: Check) -> grpc.RpcMethodHandler:
    """Return the handler of one method. It receives and returns bytes, as the message classes may not be loaded yet."""
    import grpc

    async def handle(request: bytes, context: Context) -> bytes:
        try:
            await check(context)
            return await _answer(name, request, operations)
        except Exception as error:
            answer = answer_to(error, name)
            if answer.status is Status.INTERNAL:
                logger.exception("%s failed", name)
        trailer = (("grpc-status-details-bin", _status_bytes(answer)),)
        await context.abort(grpc.StatusCode[answer.status.name], answer.message, trailer)
        raise AssertionError("abort() raises")

    return grpc.unary_unary_rpc_method_handler(handle)


async def _require_access(gate: Gate, address: Callable[[], tuple[str, int]], context: Context) -> None:
    """Check that the call has the token, or is of the service's user. Raises Refusal."""
    authorization = _metadata(context).get("authorization", "")
    if not gate.has_token(authorization):
        owner = await in_thread(owner_of_peer, context.peer(), address()) if gate.serves_own_user else None
        gate.require_owner(owner, authorization)


async def _answer(method: str, request: bytes, operations: Operations) -> bytes:
    message = await in_thread(_parsed, method, request)
    kind = next((kind for kind in JobKind if RESOURCES[kind] in method), JobKind.TUNING)
    resource = RESOURCES[kind]
    if method == f"Create{resource}":
        # The document may be large, so it is created, checked and released in one call in the thread.
        parent = str(message.parent)  # type: ignore[attr-defined]  # of create requests
        given_id = str(getattr(message, "pipeline_job_id", ""))
        job = await operations.create(kind, parent, partial(_given, message, resource), given_id)
        return await in_thread(_bytes, job, resource)
    fields = await in_thread(request_document, message)
    name, parent = str(fields.get("name", "")), str(fields.get("parent", ""))
    match method.partition(resource)[0]:
        case "GetOperation" | "WaitOperation":
            return _operation(operations.get_operation(name))
        case "Get":
            return await in_thread(_bytes_of_text, operations.text(kind, name), resource)
        case "List":
            return await in_thread(_bytes, await operations.list(kind, parent, fields), f"{method}Response")
        case "Cancel":
            await operations.cancel(kind, name)
            return b""
        case _:
            return _operation(await operations.delete(kind, name))


def _parsed(method: str, request: bytes) -> Message:
    from google.protobuf.message import DecodeError

    is_operation = method in {"GetOperation", "WaitOperation"}
    message = _operation_request(method) if is_operation else message_class(f"{method}Request")()
    try:
        message.ParseFromString(request)
    except DecodeError as error:
        raise Refusal(Status.INVALID_ARGUMENT, f"the request cannot be parsed ({error})") from error
    return message


def _given(request: Message, resource: str) -> Json:
    return request_document(request).get(resource[0].lower() + resource[1:], {})


def _bytes(document: JsonObject, name: str) -> bytes:
    return to_message(document, name).SerializeToString()


def _bytes_of_text(text: str, name: str) -> bytes:
    document = json.loads(text)
    assert isinstance(document, dict)  # noqa: S101 - a job
    return _bytes(document, name)


def _operation_request(method: str) -> Message:
    from google.longrunning.operations_pb2 import (  # type: ignore[import-untyped]  # published without types
        GetOperationRequest,
        WaitOperationRequest,
    )

    return cast("Message", (GetOperationRequest if method == "GetOperation" else WaitOperationRequest)())


def _operation(document: JsonObject) -> bytes:
    """Return the bytes of a finished long-running operation."""
    from google.longrunning.operations_pb2 import Operation
    from google.protobuf.empty_pb2 import Empty

    operation = Operation(name=document["name"], done=True)
    operation.metadata.Pack(message_class("DeleteOperationMetadata")())
    operation.response.Pack(Empty())
    return cast("bytes", operation.SerializeToString())


def _status_bytes(answer: ErrorAnswer) -> bytes:
    from google.protobuf.json_format import ParseDict

    # Published without types; error_details_pb2 registers the message types of the details.
    from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # noqa: F401
    from google.rpc.status_pb2 import Status as StatusMessage  # type: ignore[import-untyped]

    details = error_details(answer.message, answer.field)
    document = {"code": answer.status.rpc_code, "message": answer.message, "details": details}
    return cast("bytes", ParseDict(document, StatusMessage()).SerializeToString())


def _metadata(context: Context) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in context.invocation_metadata() or ()}
