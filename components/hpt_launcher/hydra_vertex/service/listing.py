"""Which jobs a list request wants: `filter`, `pageSize`, `pageToken`, `readMask`. Pure.

Source of the forms: https://google.aip.dev/158, https://google.aip.dev/160 and ListHyperparameterTuningJobsRequest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from hydra_vertex.trial.protocol.json import JsonObject

from .status import Refusal, Status

DEFAULT_PAGE_SIZE = 100
MOST_PAGE_SIZE = 1000

Predicate: TypeAlias = Callable[[JsonObject], bool]

_TERM = re.compile(r'\s*([A-Za-z_.\-0-9]+)\s*(!=|=)\s*"([^"]*)"\s*')
_FIELDS = {"state": "state", "display_name": "displayName", "displayName": "displayName"}


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a list request asks for. `before` is the job id that the last page ended with; `fields` None means all."""

    page_size: int
    before: int | None
    matches: Predicate
    fields: frozenset[str] | None


def parse_list_request(query: Mapping[str, str]) -> ListRequest:
    """Read the query parameters. Raises Refusal (INVALID_ARGUMENT) naming the one at fault."""
    size = _whole(query, "pageSize")
    return ListRequest(
        page_size=min(size or DEFAULT_PAGE_SIZE, MOST_PAGE_SIZE),
        before=_whole(query, "pageToken"),
        matches=_parse_filter(query.get("filter", "")),
        fields=_parse_mask(query.get("readMask", "")),
    )


def masked(document: JsonObject, fields: frozenset[str] | None) -> JsonObject:
    """The fields of a document that are asked for."""
    return document if fields is None else {name: value for name, value in document.items() if name in fields}


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        _refuse(name, f"expected a whole number of 0 or more, got {text!r}")
    return int(text)


def _parse_filter(text: str) -> Predicate:
    terms = [_parse_term(term) for term in re.split(r"\s+AND\s+", text)] if text.strip() else []
    return lambda document: all(term(document) for term in terms)


def _parse_term(text: str) -> Predicate:
    match = _TERM.fullmatch(text)
    field = _FIELDS.get(match[1]) if match else None
    if match is None or field is None:
        _refuse("filter", f'expected terms such as state="JOB_STATE_RUNNING" or display_name="x", got {text!r}')
    equal, wanted = match[2] == "=", match[3]
    return lambda document: (document.get(field) == wanted) is equal


def _parse_mask(text: str) -> frozenset[str] | None:
    paths = [path.strip() for path in text.split(",") if path.strip()]
    if not paths or "*" in paths:
        return None
    return frozenset(_camel(path.split(".")[0]) for path in paths)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _refuse(name: str, problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, f"{name}: {problem}")
