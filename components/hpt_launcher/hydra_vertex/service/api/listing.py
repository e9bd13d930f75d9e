"""Which jobs a list request wants, and what of them: `filter`, `pageSize`, `pageToken`, `readMask`. Pure.

Source of the forms: https://google.aip.dev/158, https://google.aip.dev/157 and ListHyperparameterTuningJobsRequest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.status import Refusal, Status

from .filter import Predicate, parse_filter

DEFAULT_PAGE_SIZE = 100
MOST_PAGE_SIZE = 1000
INT32_MAX = (1 << 31) - 1
LIST_FIELDS = ("filter", "pageSize", "pageToken", "readMask")


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a list request asks for.

    `before` is the job id that the last page ended with. `paths` are the fields wanted, in camelCase; none means all.
    """

    page_size: int
    before: int | None
    matches: Predicate
    paths: tuple[str, ...]


def parse_list_request(fields: Mapping[str, Json]) -> ListRequest:
    """Read a request's fields, or a URL's query parameters. Raises Refusal (INVALID_ARGUMENT) naming one of them."""
    size = _whole(fields, "pageSize")
    if size is not None and size > INT32_MAX:
        _refuse("pageSize", f"expected {INT32_MAX} at most, got {size}")
    return ListRequest(
        page_size=min(size or DEFAULT_PAGE_SIZE, MOST_PAGE_SIZE),
        before=_whole(fields, "pageToken"),
        matches=parse_filter(str(fields.get("filter", ""))),
        paths=_parse_mask(str(fields.get("readMask", ""))),
    )


def masked(document: JsonObject, paths: tuple[str, ...]) -> JsonObject:
    """The fields of a document that are asked for."""
    if not paths:
        return document
    heads = {path.partition(".")[0] for path in paths}
    return {name: _below(value, name, paths) for name, value in document.items() if name in heads}


def _below(value: Json, name: str, paths: tuple[str, ...]) -> Json:
    inner = tuple(path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}."))
    return value if name in paths or not isinstance(value, dict) else masked(value, inner)


def _whole(fields: Mapping[str, Json], name: str) -> int | None:
    text = str(fields.get(name, ""))
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        _refuse(name, f"expected a whole number of 0 or more, got {text!r}")
    return int(text)


def _parse_mask(text: str) -> tuple[str, ...]:
    paths = tuple(camel(path.strip()) for path in text.split(",") if path.strip())
    return () if "*" in paths else paths


def camel(path: str) -> str:
    """A field's path, in the proto's own snake_case or as JSON has it, in camelCase."""
    # A label's key is the user's own.
    head, dot, tail = path.partition(".")
    converted = re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), head)
    return f"{converted}{dot}{tail if converted == 'labels' else camel(tail)}" if dot else converted


def _refuse(name: str, problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, f"{name}: {problem}", name)
