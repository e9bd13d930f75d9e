"""The body of a request: how long it may be, what it may be, and the JSON in it."""

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
"""So many digits the largest double has: 1.8e308."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_body(request: Request) -> bytes:
    """The body of a request.

    Raises Refusal (INVALID_ARGUMENT) when it is, or says that it will be, more than BODY_LIMIT_BYTES or no JSON.
    """
    _refuse_more(int(request.headers.get("content-length", "0")))
    _require_json(request.headers)
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
        _refuse(f"the request's body is more than {BODY_LIMIT_BYTES} bytes")


def _require_json(headers: Headers) -> None:
    """One that names no type is taken for JSON."""
    kind, _, parameters = headers.get("content-type", "application/json").lower().partition(";")
    if kind.strip() != "application/json":
        _refuse(f"Content-Type: expected application/json, got {quoted(kind.strip())}")
    name, _, charset = parameters.partition(";")[0].partition("=")
    if name.strip() == "charset" and charset.strip().strip('"') not in {"utf-8", "utf8"}:
        _refuse(f"Content-Type: expected charset=utf-8, got {quoted(charset.strip())}")


def parse_body(body: bytes) -> Json:
    """The JSON of a body, held to RFC 8259 more strictly than Python does. Raises Refusal (INVALID_ARGUMENT).

    No NaN, no infinity, no number that is one as a double, no field that an object has twice, no other encoding than
    UTF-8, no surrogate by itself.
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
        raise ValueError(f"an integer of {len(text)} digits is more than a double can hold")
    return int(text)


def _double(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{quoted(text)} is more than a double can hold")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{quoted(twice)} is there twice in one object")
    return fields


def _refuse_lone_surrogates(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        found = quoted(error.object[error.start])
        raise ValueError(f"{found} is half of a character, and no text in UTF-8 can hold it") from error


def _refuse(problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, problem)
