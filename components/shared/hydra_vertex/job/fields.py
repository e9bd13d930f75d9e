"""Reads the fields of a JSON object by the rules of the proto3 JSON mapping, and names the path of what is wrong.

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

T = TypeVar("T")
E = TypeVar("E", bound=WireEnum)

WHOLE_LIMIT = 2**63


class Fields:
    """A JSON object while it is being read. What has not been read by the end is `rest()`."""

    def __init__(self, value: Json, path: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(path, f"expected an object, got {value!r}")
        self._values: dict[str, Json] = {_camel(key): item for key, item in value.items() if item is not None}
        self._path = path

    def path(self, name: str) -> str:
        """The full path of a field, as error messages show it."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return name in self._values

    def take(self, name: str) -> Json:
        """The raw value, None when absent; counts as read."""
        return self._values.pop(name, None)

    def rest(self) -> JsonObject:
        """The fields that nobody read."""
        return dict(self._values)

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise DocumentError(self.path(name), f"expected a string, got {value!r}")
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """An int32 or int64, written as a number or as a string."""
        value = self.take(name)
        return default if value is None else parse_integer(value, self.path(name))

    def number(self, name: str, default: float | None = None) -> float | None:
        """A finite double, written as a number or as a string."""
        value = self.take(name)
        return default if value is None else parse_number(value, self.path(name))

    def enum(self, name: str, kind: type[E], default: E) -> E:
        """An enum, by name or number."""
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
        """A repeated field; `parse` gets each item and its path."""
        value = self.take(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise DocumentError(self.path(name), f"expected an array, got {value!r}")
        return tuple(parse(item, f"{self.path(name)}[{i}]") for i, item in enumerate(value))

    def message(self, name: str) -> Json:
        """The raw value of a message field; an absent one is an empty message."""
        value = self.take(name)
        return {} if value is None else value

    def labels(self) -> dict[str, str]:
        """The field `labels`; every value as text."""
        labels = self.message("labels")
        if not isinstance(labels, dict):
            raise DocumentError(self.path("labels"), f"expected an object, got {labels!r}")
        return {name: str(value) for name, value in labels.items()}

    def child(self, name: str) -> Fields:
        """A message field, to be read in turn."""
        return Fields(self.message(name), self.path(name))

    def duration_s(self, name: str) -> float | None:
        """A Duration in seconds; None when absent."""
        value = self.take(name)
        return None if value is None else parse_duration_s(value, self.path(name))

    def time(self, name: str) -> datetime | None:
        """A Timestamp as an aware datetime in UTC; None when absent."""
        value = self.take(name)
        return None if value is None else parse_time(value, self.path(name))


def parse_integer(value: Json, path: str) -> int:
    """A whole number of 64 bits, never through a float when it is written as text."""
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    # The size comes first: 1e999999999 as an int would take all memory.
    is_held = number is not None and number.is_finite() and -WHOLE_LIMIT <= number < WHOLE_LIMIT
    if number is None or not is_held or number != number.to_integral_value():
        raise DocumentError(path, f"expected a whole number, got {value!r}")
    return int(number)


def parse_number(value: Json, path: str) -> float:
    """A finite double."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise DocumentError(path, f"expected a finite number, got {value!r}")


def parse_text(value: Json, path: str) -> str:
    """A string item of a repeated field."""
    if not isinstance(value, str):
        raise DocumentError(path, f"expected a string, got {value!r}")
    return value


def parse_duration_s(value: Json, path: str) -> float:
    """`3.5s` in seconds."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d{1,9})?s", value):
        raise DocumentError(path, f"expected a duration such as '3.5s', got {value!r}")
    return float(value[:-1])


def parse_time(value: Json, path: str) -> datetime:
    """RFC 3339; digits beyond microseconds are cut off."""
    text = value if isinstance(value, str) else ""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        raise DocumentError(path, f"expected a time such as '2026-01-31T12:00:00Z', got {value!r}")
    seconds, fraction, zone = match.groups()
    whole = f"{seconds}{(fraction or '.0')[:7].ljust(7, '0')}{zone.replace('Z', '+00:00')}"
    try:
        return datetime.fromisoformat(whole).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise DocumentError(path, f"{value!r} is no time ({error})") from error


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def format_duration(seconds: float) -> str:
    """Seconds as a Duration, to the microsecond."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def present(**fields: Json) -> dict[str, Json]:
    """An object of the fields that have something in them: no None, no empty string, list or object."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)
