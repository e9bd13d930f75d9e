"""Parser of the filter of a list request: the subset of AIP-160 that Vertex AI documents for its jobs. Pure.

Source: https://google.aip.dev/160 and ListHyperparameterTuningJobsRequest.filter. As specified there, OR has higher
precedence than AND, and terms without an operator between them are joined by AND.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NoReturn, TypeAlias

from hydra_vertex.job import JobState
from hydra_vertex.job.fields import parse_time
from hydra_vertex.job.pipeline_job import PipelineState
from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.status import Refusal, Status

Predicate: TypeAlias = Callable[[JsonObject], bool]

LENGTH_LIMIT = 4096
"""In characters. Each term is evaluated for each job, so the length limits the time of a list request."""

DEPTH_LIMIT = 32
EXAMPLES = (
    'state="JOB_STATE_RUNNING", display_name:"my_*", create_time>"2026-01-31T00:00:00Z", labels.team=a, labels.team:*'
)

_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>!=|<=|>=|[=<>:()]|-(?=[(A-Za-z]))|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"=<>:!()]+))"""
)
_ORDER: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse_filter(text: str) -> Predicate:
    """Return the predicate of a filter; an empty filter matches all jobs. Raises Refusal (INVALID_ARGUMENT)."""
    if len(text) > LENGTH_LIMIT:
        _refuse(f"expected {LENGTH_LIMIT} characters at most, got {len(text)}")
    if not text.strip():
        return lambda _: True
    parser = _Parser(text)
    predicate = parser.expression(0)
    if parser.peek() is not None:
        parser.refuse()
    return predicate


class _Parser:
    """Recursive descent parser. Tokens are (kind, text), where kind is `sign`, `text` (a quoted string) or `word`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def refuse(self) -> NoReturn:
        found = self.peek()
        unexpected = quoted(found[1] if found else "the end")
        _refuse(f"{unexpected} was not expected in {quoted(self._text)}; allowed are {EXAMPLES}")

    def expression(self, depth: int) -> Predicate:
        """Parse factors joined by AND or without an operator. `depth` is the number of enclosing parentheses."""
        if depth > DEPTH_LIMIT:
            _refuse(f"expected {DEPTH_LIMIT} nested parentheses at most, got more")
        factors = [self._factor(depth)]
        while self.peek() not in {None, ("sign", ")")}:
            self._accept("word", "AND")
            factors.append(self._factor(depth))
        return factors[0] if len(factors) == 1 else lambda document: all(factor(document) for factor in factors)

    def _factor(self, depth: int) -> Predicate:
        terms = [self._term(depth)]
        while self._accept("word", "OR"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else lambda document: any(term(document) for term in terms)

    def _term(self, depth: int) -> Predicate:
        if self._accept("word", "NOT") or self._accept("sign", "-"):
            inner = self._simple(depth)
            return lambda document: not inner(document)
        return self._simple(depth)

    def _simple(self, depth: int) -> Predicate:
        if self._accept("sign", "("):
            inner = self.expression(depth + 1)
            if not self._accept("sign", ")"):
                self.refuse()
            return inner
        return self._restriction()

    def _restriction(self) -> Predicate:
        field = self._take({"word"})
        comparator = self._take({"sign"})
        if comparator in {"(", ")", "-"}:
            self._next -= 1
            self.refuse()
        in_quotes = (self.peek() or ("", ""))[0] == "text"
        return _restriction(field, comparator, self._take({"word", "text"}), in_quotes=in_quotes)

    def _accept(self, kind: str, text: str) -> bool:
        if self.peek() != (kind, text):
            return False
        self._next += 1
        return True

    def _take(self, kinds: set[str]) -> str:
        found = self.peek()
        if found is None or found[0] not in kinds:
            self.refuse()
        self._next += 1
        return found[1]


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    text, at = text.rstrip(), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            _refuse(f"{quoted(text[at:].strip())} cannot be parsed; allowed are {EXAMPLES}")
        value = match[match.lastgroup]
        tokens.append((match.lastgroup, re.sub(r"\\(.)", r"\1", value) if match.lastgroup == "text" else value))
        at = match.end()
    return tokens


def _restriction(field: str, comparator: str, value: str, *, in_quotes: bool) -> Predicate:
    if field.startswith("labels."):
        return _label(field.removeprefix("labels."), comparator, value, in_quotes=in_quotes)
    restrict = _FIELDS.get(_snake(field))
    if restrict is None:
        _refuse(f"{quoted(field)} is not one of {', '.join(_FIELDS)} and labels.KEY")
    return restrict(comparator, value)


def _state(comparator: str, value: str) -> Predicate:
    if comparator not in {"=", "!="}:
        _refuse(f"state: expected = or !=, got {comparator!r}")
    if value not in {state.value for state in (*JobState, *PipelineState)}:
        of_pipelines = f"a PipelineState such as {PipelineState.RUNNING.value}"
        _refuse(f"{quoted(value)} is not a JobState such as {JobState.RUNNING.value}, nor {of_pipelines}")
    return _negated(lambda document: document.get("state") == value, comparator)


def _display_name(comparator: str, value: str) -> Predicate:
    if comparator not in {"=", "!=", ":"}:
        _refuse(f"display_name: expected =, != or : (with * for any text), got {comparator!r}")
    matches: Callable[[str], bool] = _wildcard(value) if comparator == ":" else partial(operator.eq, value)
    return _negated(lambda document: matches(str(document.get("displayName", ""))), comparator)


def _create_time(comparator: str, value: str) -> Predicate:
    if comparator not in _ORDER:
        _refuse(f"create_time: expected =, !=, <, <=, > or >=, got {comparator!r}")
    try:
        wanted = parse_time(value, "create_time")
    except DocumentError as error:
        raise Refusal(Status.INVALID_ARGUMENT, f"filter: {error}", "filter") from error
    compare = _ORDER[comparator]
    return lambda document: compare(parse_time(document.get("createTime"), "createTime"), wanted)


_FIELDS: Mapping[str, Callable[[str, str], Predicate]] = {
    "display_name": _display_name,
    "state": _state,
    "create_time": _create_time,
}


def _label(key: str, comparator: str, value: str, *, in_quotes: bool) -> Predicate:
    if comparator not in {"=", "!=", ":"}:
        _refuse(f"labels.{key}: expected =, != or :, got {comparator!r}")
    if comparator == ":" and value == "*" and not in_quotes:
        return lambda document: key in _labels(document)
    return _negated(lambda document: _labels(document).get(key) == value, comparator)


def _labels(document: JsonObject) -> Mapping[str, Json]:
    labels = document.get("labels", {})
    return labels if isinstance(labels, dict) else {}


def _negated(predicate: Predicate, comparator: str) -> Predicate:
    return (lambda document: not predicate(document)) if comparator == "!=" else predicate


def _wildcard(pattern: str) -> Callable[[str], bool]:
    """Return a matcher of a pattern in which `*` matches any text. It finds the leftmost match of each literal part.

    This takes linear time; a regular expression would try all divisions of the text among the wildcards.
    """
    first, *others = pattern.split("*")
    if not others:
        return partial(operator.eq, pattern)
    *inner, last = others

    def matches(text: str) -> bool:
        if not text.startswith(first):
            return False
        at = len(first)
        for part in inner:
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return at <= len(text) - len(last) and text.endswith(last)

    return matches


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


def _refuse(problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, f"filter: {problem}", "filter")
