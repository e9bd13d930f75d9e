"""Numbers with fewer digits, for pictures and for pages that must stay small. Pure."""

from __future__ import annotations

import math

DIGITS = 6
"""Significant digits: more than a picture has pixels."""


def rounded(number: float) -> float:
    """Return the number with DIGITS significant digits; a whole number as an int, which is shorter as JSON."""
    if not math.isfinite(number):
        return number
    short = float(f"{number:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
