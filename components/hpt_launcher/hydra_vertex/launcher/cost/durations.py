"""Parses durations as users write them: `90`, `30m`, `1h30m`, and ranges such as `20m..1h`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hydra_vertex.launcher.limits import LONGEST_S
from hydra_vertex.launcher.text.terminal import excerpt

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(\d{1,12}(?:\.\d{1,9})?)([smhd])"
_DURATION = re.compile(rf"(?:{_PART})+", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_FORMS = "expected a number of seconds, or one with units such as 90s, 30m, 1h30m or 2d"


@dataclass(frozen=True, slots=True)
class DurationRange:
    """The shortest and the longest duration in seconds."""

    low_s: float
    high_s: float

    @property
    def middle_s(self) -> float:
        """The mean of both ends."""
        return (self.low_s + self.high_s) / 2


def parse_duration_text(text: str) -> float:
    """Return seconds; a number without a unit is in seconds. Raises ValueError."""
    stripped = text.strip()
    if _SECONDS.fullmatch(stripped):
        seconds = float(stripped)
    elif _DURATION.fullmatch(stripped):
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(_PART, stripped, re.ASCII))
    else:
        raise ValueError(f"{excerpt(repr(text))}: {_FORMS}")
    if seconds > LONGEST_S:
        raise ValueError(f"{excerpt(repr(text))}: expected at most {LONGEST_S} s")
    return seconds


def parse_range(text: str) -> DurationRange:
    """Return the range of `20m..1h`, or of one duration. Raises ValueError; a duration of 0 is refused."""
    low_text, dots, high_text = text.partition("..")
    low_s = parse_duration_text(low_text)
    high_s = parse_duration_text(high_text) if dots else low_s
    if not 0 < low_s <= high_s:
        raise ValueError(f"{excerpt(repr(text))}: expected a duration above 0, or a range such as 20m..1h")
    return DurationRange(low_s, high_s)
