"""Reads the body of an HTTP request, checks its length and content type, and parses its JSON."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import NoReturn

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.status import Refusal, Status

BODY_LIMIT_BYTES = 1 << 20
DOUBLE_DIGITS = 309
"""The number of digits of the largest double, 1.8e308."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_body(request: Request) -> bytes:
    """Read the body of a request.

    Raises Refusal: INVALID_ARGUMENT when the body or its Content-Length is more than BODY_LIMIT_BYTES or the
    Content-Type is not JSON in UTF-8, CANCELLED when the client closes the connection.
    """
    _refuse_more(int(request.headers.get("content-length", "0")))
    _require_json(request.headers)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            _refuse_more(len(body))
    except ClientDisconnect as error:
        raise Refusal(Status.CANCELLED, "the client closed the connection before its request was complete") from error
    return bytes(body)


def _refuse_more(size_bytes: int) -> None:
    if size_bytes > BODY_LIMIT_BYTES:
        _refuse(f"the request's body is more than {BODY_LIMIT_BYTES} bytes")


def _require_json(headers: Headers) -> None:
    """Check the Content-Type. A request without one is treated as JSON."""
    kind, _, parameters = headers.get("content-type", "application/json").lower().partition(";")
    if kind.strip() != "application/json":
        _refuse(f"Content-Type: expected application/json, got {quoted(kind.strip())}")
    name, _, charset = parameters.partition(";")[0].partition("=")
    if name.strip() == "charset" and charset.strip().strip('"') not in {"utf-8", "utf8"}:
        _refuse(f"Content-Type: expected charset=utf-8, got {quoted(charset.strip())}")


def parse_body(body: bytes) -> Json:
    """Parse the JSON of a body, more strictly than Python's parser. Raises Refusal (INVALID_ARGUMENT).

    Besides invalid JSON (RFC 8259) it refuses NaN, infinities, numbers too large for a double, duplicate fields in an
    object, encodings other than UTF-8, and lone surrogates.
    """
    try:
        value: Json = json.loads(
            body.decode("utf-8-sig"),
            parse_int=_integer,
            parse_float=_double,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
        if _SURROGATE.search(body):
            _refuse_lone_surrogates(value)
    except (ValueError, RecursionError) as error:
        raise Refusal(Status.INVALID_ARGUMENT, f"the request's body is not JSON: {error}") from error
    return value


def _integer(text: str) -> int:
    if len(text) > DOUBLE_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits is too large for a double")
    return int(text)


def _double(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{quoted(text)} is too large for a double")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{quoted(twice)} occurs more than once in one object")
    return fields


def _refuse_lone_surrogates(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        found = quoted(error.object[error.start])
        raise ValueError(f"{found} is a lone surrogate, which UTF-8 cannot encode") from error


def _refuse(problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, problem)
