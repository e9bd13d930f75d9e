"""The values that stand for the options of a sweep in a job document. Both sides of the container wall use them. Pure.

A parameter of the API has numbers or texts as its values. An option of a Hydra sweep also has a type: `1`, `1.0`, `'1'`
and `true` are different. The launcher writes the API's values; the trial finds the option again by its value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

EXACT_DOUBLE = 2**53
"""A double represents every whole number up to this one exactly; the API stores each parameter's number as a double."""


@dataclass(frozen=True, slots=True)
class SweepOption:
    """One option of a sweep: its value in Python, and its `text` in Hydra's override grammar."""

    value: object
    text: str


_TOLERANCE = 1e-9
"""Relative; a service may write a number with fewer digits than Python's `repr`."""


def numbers_of(options: Sequence[SweepOption]) -> tuple[float, ...] | None:
    """Return the options as distinct doubles. None when an option is not a number, or not exact as a double."""
    values = [option.value for option in options]
    numbers = tuple(float(value) for value in values if isinstance(value, (int, float)) and _is_exact(value))
    return numbers if len(set(numbers)) == len(values) else None


def texts_of(options: Sequence[SweepOption]) -> tuple[str, ...]:
    """Return the options as texts: a string verbatim, anything else in Hydra's grammar.

    A string that would have the text of another option (`1,'1'`) is in Hydra's grammar too, where it has quotes.
    """
    texts = [_text(option) for option in options]
    return tuple(
        option.text if isinstance(option.value, str) and texts.count(text) > 1 else text
        for option, text in zip(options, texts, strict=True)
    )


def option_with(value: str, options: Sequence[SweepOption]) -> SweepOption | None:
    """Return the option that a trial's argument with this value stands for; None when there is none."""
    numbers = numbers_of(options)
    if numbers is None:
        return dict(zip(texts_of(options), options, strict=True)).get(value)
    try:
        number = float(value)
    except ValueError:
        return None
    nearest, option = min(zip(numbers, options, strict=True), key=lambda pair: abs(pair[0] - number))
    return option if math.isclose(nearest, number, rel_tol=_TOLERANCE) else None


def _is_exact(value: int | float) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, bool) and abs(value) < EXACT_DOUBLE


def _text(option: SweepOption) -> str:
    if isinstance(option.value, str):
        return option.value
    return option.text.lower() if isinstance(option.value, bool) else option.text
