"""The body of a request: how long it may be, and the JSON in it."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.status import Refusal, Status

BODY_LIMIT_BYTES = 1 << 20


def parse_body(body: bytes) -> Json:
    """The JSON of a body. Raises Refusal (INVALID_ARGUMENT)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(Status.INVALID_ARGUMENT, f"the request's body is not JSON: {error}") from error


async def read_body(request: Request) -> bytes:
    """The body of a request. Raises Refusal when it is, or says that it will be, more than BODY_LIMIT_BYTES."""
    _refuse_more(int(request.headers.get("content-length", "0")))
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            _refuse_more(len(body))
    except ClientDisconnect as error:
        raise Refusal(Status.CANCELLED, "the client has gone before its request was whole") from error
    return bytes(body)


def _refuse_more(size_bytes: int) -> None:
    if size_bytes > BODY_LIMIT_BYTES:
        raise Refusal(Status.INVALID_ARGUMENT, f"the request's body is more than {BODY_LIMIT_BYTES} bytes")
