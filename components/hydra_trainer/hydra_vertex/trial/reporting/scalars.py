"""Converts a value from the app into a float. Pure; tensors and arrays are recognized by their `item` method."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class _Scalar(Protocol):
    """A numpy or torch scalar, or an array or tensor of one element."""

    def item(self) -> object:
        """Return the element as a Python number. Raises ValueError or RuntimeError when there are several."""


def to_float(value: object) -> float:
    """Convert an int, a float, or a numpy or torch scalar to a float, which may be NaN or infinite.

    Raises TypeError or ValueError, whose text continues a phrase such as "the app returned".
    """
    number = _python_number(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(f"{_described(value)}, which is not a number")
    try:
        return float(number)
    except OverflowError as error:
        raise ValueError("a whole number that is too large for a double") from error


def _python_number(value: object) -> object:
    if isinstance(value, (bool, int, float, str)) or not isinstance(value, _Scalar):
        return value
    try:
        return value.item()
    except Exception:
        return value


def _described(value: object) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = "without a representation"
    return f"{type(value).__name__} {text if len(text) <= 80 else text[:77] + '...'}"
