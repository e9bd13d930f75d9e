"""Finds the value of a parameter's domain that stands for a value of an app's config. Pure."""

from __future__ import annotations

import math

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hydra.errors import HydraException

from hydra_vertex.job import Categorical, Discrete, Domain, DoubleRange, IntegerRange
from hydra_vertex.protocol.json import Json

from .own_values import same
from .points import Value


def value_in(domain: Domain, value: Json) -> Value | None:
    """Return the domain's value; None when the app's value has another type or is outside the domain."""
    match domain:
        case DoubleRange(low, high):
            number = _number(value)
            return float(number) if number is not None and low <= number <= high else None
        case IntegerRange(low, high):
            number = _number(value)
            return int(number) if number is not None and number == int(number) and low <= number <= high else None
        case Discrete(numbers):
            number = _number(value)
            return next((listed for listed in numbers if listed == number), None)
        case Categorical(texts):
            return _text(texts, value)


def _number(value: Json) -> int | float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None  # type: ignore[return-value] # narrowed above


def _text(texts: tuple[str, ...], value: Json) -> str | None:
    """Return the text that is the value, else the one that Hydra reads as the value."""
    if isinstance(value, str) and value in texts:
        return value
    return next((text for text in texts if _reads_as(text, value)), None)


def _reads_as(text: str, value: Json) -> bool:
    try:
        read = OverridesParser.create().parse_override(f"key={text}").value()
    except HydraException:
        return False
    return same(read.text if isinstance(read, QuotedString) else read, value)  # type: ignore[arg-type] # a sweep is unlike
