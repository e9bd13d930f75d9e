"""Parameters and pages of a list request: `filter`, `pageSize`, `pageToken`, `readMask`. Pure.

Source of the formats: https://google.aip.dev/158, https://google.aip.dev/157 and ListHyperparameterTuningJobsRequest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.status import Refusal, Status

from .filter import Predicate, parse_filter

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
PAGE_LIMIT_CHARACTERS = 2 << 20
"""A page ends after the job with which it exceeds this length: gRPC clients accept messages of 4 MiB at most."""

MASK_LIMIT = 4096
INT32_MAX = (1 << 31) - 1
LIST_FIELDS = ("filter", "pageSize", "pageToken", "readMask")
PIPELINE_LIST_FIELDS = (*LIST_FIELDS, "orderBy")
NEWEST_FIRST = "create_time desc"

Mask: TypeAlias = Mapping[str, "Mask | None"]
"""The requested fields by name. The value None means the whole field, a mask its subfields."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The parameters of a list request.

    `before` is the id of the last job on the previous page; None means the first page. `paths` are the requested fields
    in camelCase; an empty tuple means all fields.
    """

    page_size: int
    before: int | None
    matches: Predicate
    paths: tuple[str, ...]


@dataclass(slots=True)
class Page:
    """The page of a list request, while jobs are added to it."""

    request: ListRequest
    jobs: list[JsonObject] = field(default_factory=list)
    next_token: str = ""
    _last_id: int = 0
    _length: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the page is full and there is a further job, so that `next_token` is set."""
        return bool(self.next_token)

    def take(self, found: Iterable[tuple[int, JsonObject]]) -> None:
        """Add the matching jobs of `found`, which are ids and documents, newest first, until the page is full."""
        mask = mask_of(self.request.paths)
        for job_id, document in found:
            if self.is_complete:
                return
            if self.request.matches(document):
                self._add(job_id, masked(document, mask))

    def _add(self, job_id: int, job: JsonObject) -> None:
        if len(self.jobs) == self.request.page_size or self._length > PAGE_LIMIT_CHARACTERS:
            self.next_token = str(self._last_id)
            return
        self.jobs.append(job)
        self._last_id = job_id
        self._length += len(json.dumps(job))


def parse_list_request(fields: Mapping[str, Json]) -> ListRequest:
    """Parse the fields of a request or the query parameters of a URL. Raises Refusal (INVALID_ARGUMENT)."""
    if fields.get("orderBy", "") not in {"", NEWEST_FIRST}:
        _refuse("orderBy", f"expected {NEWEST_FIRST}, the only order of this service, got {quoted(fields['orderBy'])}")
    size = _whole(fields, "pageSize")
    if size is not None and size > INT32_MAX:
        _refuse("pageSize", f"expected {INT32_MAX} at most, got {size}")
    return ListRequest(
        page_size=min(size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        before=_whole(fields, "pageToken"),
        matches=parse_filter(str(fields.get("filter", ""))),
        paths=_parse_mask(str(fields.get("readMask", ""))),
    )


def mask_of(paths: Iterable[str]) -> Mask | None:
    """Return the mask of field paths; None, which means all fields, when there are no paths."""
    mask: dict[str, Mask | None] = {}
    for path in paths:
        _put(mask, path.split("."))
    return mask or None


def _put(mask: dict[str, Mask | None], path: list[str]) -> None:
    *parents, last = path
    for step in parents:
        below = mask.setdefault(step, {})
        if not isinstance(below, dict):
            return
        mask = below
    mask[last] = None


def masked(document: JsonObject, mask: Mask | None) -> JsonObject:
    """Return the fields of a document that the mask requests. Arrays are returned whole."""
    if mask is None:
        return document
    return {name: _below(value, mask[name]) for name, value in document.items() if name in mask}


def _below(value: Json, mask: Mask | None) -> Json:
    return masked(value, mask) if isinstance(value, dict) else value


def _whole(fields: Mapping[str, Json], name: str) -> int | None:
    text = str(fields.get(name, ""))
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        _refuse(name, f"expected a whole number of 0 or more, got {quoted(text)}")
    return int(text)


def _parse_mask(text: str) -> tuple[str, ...]:
    if len(text) > MASK_LIMIT:
        _refuse("readMask", f"expected {MASK_LIMIT} characters at most, got {len(text)}")
    paths = tuple(camel(path.strip()) for path in text.split(",") if path.strip())
    return () if "*" in paths else paths


def camel(path: str) -> str:
    """Convert a field path from the proto's snake_case to JSON's camelCase. The keys of labels are unchanged."""
    steps = [_camel_step(step) for step in path.split(".")]
    # The key of a label is the user's text, not a field name.
    own = steps.index("labels") + 1 if "labels" in steps else len(steps)
    return ".".join([*steps[:own], *path.split(".")[own:]])


def _camel_step(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def _refuse(name: str, problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, f"{name}: {problem}", name)
