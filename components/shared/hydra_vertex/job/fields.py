"""Reads the fields of a JSON object by the rules of the proto3 JSON mapping. Errors name the path of the field.

Source of the rules: https://protobuf.dev/programming-guides/json/ (64-bit integers as strings, enums as names or
numbers, camelCase or the proto's own snake_case, durations as `3.5s`, RFC 3339 times, null for absent).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject

from .enums import WireEnum
from .quoting import quoted

INT64_LIMIT = 1 << 63
NUMBER_TEXT_LIMIT = 400
"""Maximum length of a number written as text, in characters. A double has at most 309 digits before the point."""

DURATION_LIMIT_S = 315_576_000_000
"""10,000 years. Source: the comment of Duration.seconds in google/protobuf/duration.proto."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

T = TypeVar("T")
E = TypeVar("E", bound=WireEnum)


class Fields:
    """The fields of a JSON object. Each method that reads a field removes it; `rest()` returns the remaining fields."""

    def __init__(self, value: Json, path: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(path, f"expected an object, got {quoted(value)}")
        self._values: dict[str, Json] = {camel_case(key): item for key, item in value.items() if item is not None}
        self._path = path

    def path(self, name: str) -> str:
        """Return the full path of a field, as error messages show it."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Whether the field is present and not null."""
        return name in self._values

    def take(self, name: str) -> Json:
        """Remove the field and return its raw value; None when the field is absent."""
        return self._values.pop(name, None)

    def rest(self) -> JsonObject:
        """Return the fields that were not read."""
        return dict(self._values)

    def text(self, name: str, default: str = "") -> str:
        """Read a string. Raises DocumentError when the value is not one."""
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise DocumentError(self.path(name), f"expected a string, got {quoted(value)}")
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """Read an int32 or int64, written as a number or as a string. Raises DocumentError."""
        value = self.take(name)
        return default if value is None else parse_integer(value, self.path(name))

    def number(self, name: str, default: float | None = None) -> float | None:
        """Read a finite double, written as a number or as a string. Raises DocumentError."""
        value = self.take(name)
        return default if value is None else parse_number(value, self.path(name))

    def enum(self, name: str, kind: type[E], default: E) -> E:
        """Read an enum by its name or its number. Raises DocumentError when there is no such member."""
        value = self.take(name)
        if value is None:
            return default
        try:
            member = kind.parse(value)
        except ValueError as error:
            raise DocumentError(self.path(name), str(error)) from error
        assert isinstance(member, kind)  # noqa: S101 - parse() is a classmethod of kind
        return member

    def items(self, name: str, parse: Callable[[Json, str], T]) -> tuple[T, ...]:
        """Read a repeated field; `parse` receives each item and its path. Raises DocumentError for any other value."""
        value = self.take(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise DocumentError(self.path(name), f"expected an array, got {quoted(value)}")
        return tuple(parse(item, f"{self.path(name)}[{i}]") for i, item in enumerate(value))

    def message(self, name: str) -> Json:
        """Return the raw value of a message field; an empty message when the field is absent."""
        value = self.take(name)
        return {} if value is None else value

    def labels(self) -> dict[str, str]:
        """Read the field `labels`, with every value as text. Raises DocumentError when it is not an object."""
        labels = self.message("labels")
        if not isinstance(labels, dict):
            raise DocumentError(self.path("labels"), f"expected an object, got {quoted(labels)}")
        return {name: str(value) for name, value in labels.items()}

    def child(self, name: str) -> Fields:
        """Return the fields of a message field. Raises DocumentError when it is not an object."""
        return Fields(self.message(name), self.path(name))

    def duration_s(self, name: str) -> float | None:
        """Read a Duration in seconds; None when it is absent. Raises DocumentError."""
        value = self.take(name)
        return None if value is None else parse_duration_s(value, self.path(name))

    def time(self, name: str) -> datetime | None:
        """Read a Timestamp as an aware datetime in UTC; None when it is absent. Raises DocumentError."""
        value = self.take(name)
        return None if value is None else parse_time(value, self.path(name))


def parse_integer(value: Json, path: str) -> int:
    """Read an int64. Text is converted without a float, so that all digits are kept. Raises DocumentError."""
    match value:
        case bool():
            number = None
        case int():
            number = value
        case str() | float():
            number = _whole(str(value))
        case _:
            number = None
    if number is None:
        raise DocumentError(path, f"expected a whole number, got {quoted(value)}")
    if not -INT64_LIMIT <= number < INT64_LIMIT:
        raise DocumentError(path, f"expected a whole number of 64 bits at most, got {quoted(value)}")
    return number


def _whole(text: str) -> int | None:
    """Return the whole number in a text such as `3`, `3.0` or `3e2`; None when the text is not a whole number.

    A number far above the limit gives INT64_LIMIT, because a short text such as `1e999999999` would fill the memory.
    """
    if len(text) > NUMBER_TEXT_LIMIT or not _NUMBER.fullmatch(text):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number:
        return 0
    if number.adjusted() > len(str(INT64_LIMIT)):
        return INT64_LIMIT
    return int(number) if number == number.to_integral_value() else None


def parse_number(value: Json, path: str) -> float:
    """Read a finite double, written as a number or as a string. Raises DocumentError."""
    match value:
        case bool():
            number = math.nan
        case int() | float():
            number = _double(value)
        case str() if len(value) <= NUMBER_TEXT_LIMIT and _NUMBER.fullmatch(value):
            number = float(value)
        case _:
            number = math.nan
    if not math.isfinite(number):
        raise DocumentError(path, f"expected a finite number, got {quoted(value)}")
    return number


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def parse_text(value: Json, path: str) -> str:
    """Read a string item of a repeated field. Raises DocumentError."""
    if not isinstance(value, str):
        raise DocumentError(path, f"expected a string, got {quoted(value)}")
    return value


def parse_duration_s(value: Json, path: str) -> float:
    """Read a duration such as `3.5s` in seconds, from -DURATION_LIMIT_S to DURATION_LIMIT_S. Raises DocumentError."""
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s", value):
        raise DocumentError(path, f"expected a duration such as '3.5s', got {quoted(value)}")
    seconds = float(value[:-1])
    if abs(seconds) > DURATION_LIMIT_S:
        raise DocumentError(path, f"expected {DURATION_LIMIT_S}s at most, got {quoted(value)}")
    return seconds


def parse_time(value: Json, path: str) -> datetime:
    """Read an RFC 3339 time; digits beyond microseconds are dropped. Raises DocumentError."""
    text = value if isinstance(value, str) else ""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        raise DocumentError(path, f"expected a time such as '2026-01-31T12:00:00Z', got {quoted(value)}")
    seconds, fraction, zone = match.groups()
    whole = f"{seconds}{(fraction or '.0')[:7].ljust(7, '0')}{zone.replace('Z', '+00:00')}"
    try:
        return datetime.fromisoformat(whole).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise DocumentError(path, f"{quoted(value)} is no time ({error})") from error


def format_time(moment: datetime) -> str:
    """Return an RFC 3339 time in UTC, with microseconds."""
    utc = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"  # four digits of the year, unlike strftime on Linux


def present_times(**times: datetime | None) -> dict[str, Json]:
    """Return an object of the times that are known."""
    return {name: format_time(moment) for name, moment in times.items() if moment is not None}


def format_duration(seconds: float) -> str:
    """Return seconds as a Duration, rounded to microseconds."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def present(**fields: Json) -> dict[str, Json]:
    """Return an object of the fields that are neither None nor an empty string, list or object."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}


def camel_case(name: str) -> str:
    """Return the JSON name of a field: `studySpec` for `study_spec`."""
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)
