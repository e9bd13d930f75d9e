"""One vertical axis of parallel coordinates: the position of a value between 0 and 1, and the tick labels. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hydra_vertex.job import Categorical, Discrete, DoubleRange, IntegerRange, ParameterSpec, ParameterValue, ScaleType
from hydra_vertex.launcher.text.formatting import format_value

MISSING_AT = -0.12
"""The position, below the axis, of a trial that does not have the axis's parameter."""

TICK_COUNT = 5


@dataclass(frozen=True, slots=True)
class PlotAxis:
    """An axis from `low` (position 0) to `high` (1), logarithmic if `is_log`; or with a position for each choice."""

    label: str
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    places: Mapping[ParameterValue, float] = field(default_factory=dict)
    whole: bool = False

    def at(self, value: ParameterValue | None) -> float:
        """Return the position of a value, from 0 to 1; MISSING_AT for None."""
        if value is None:
            return MISSING_AT
        if self.places:
            return self.places[value]
        assert not isinstance(value, str)  # noqa: S101 - an axis of text choices has places
        if self.low == self.high:
            return 0.5
        return (self._scaled(value) - self._scaled(self.low)) / (self._scaled(self.high) - self._scaled(self.low))

    def ticks(self) -> dict[float, str]:
        """Return the tick labels by position."""
        if self.places:
            return {place: format_value(value) or "(empty)" for value, place in self.places.items()}
        return {self.at(value): f"{value:.3g}" if not self.whole else str(int(value)) for value in self._tick_values()}

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.is_log else value

    def _tick_values(self) -> list[float]:
        if self.low == self.high:
            return [self.low]
        if self.is_log:
            return log_ticks(self.low, self.high)
        values = [self.low + (self.high - self.low) * step / (TICK_COUNT - 1) for step in range(TICK_COUNT)]
        return list(dict.fromkeys(round(value) if self.whole else value for value in values))


def log_ticks(low: float, high: float) -> list[float]:
    """Return both ends, and at most TICK_COUNT powers of ten between them that are not close to an end."""
    start, stop = math.log10(low), math.log10(high)
    margin = (stop - start) / 10
    powers = range(math.ceil(start), math.floor(stop) + 1)
    decades = [power for power in powers if start + margin < power < stop - margin]
    every = max(1, math.ceil(len(decades) / TICK_COUNT))
    return [low, *(10.0**power for power in decades[::every]), high]


def parameter_axis(key: str, spec: ParameterSpec | None, seen: Sequence[ParameterValue]) -> PlotAxis:
    """Return the axis of a parameter: its declared domain, widened to include every value of the trials."""
    numbers = [value for value in seen if not isinstance(value, str)]
    match None if spec is None else spec.domain:
        case (DoubleRange() | IntegerRange()) as domain if len(numbers) == len(seen):
            is_log = spec is not None and spec.scale is ScaleType.LOG
            whole = isinstance(domain, IntegerRange)
            return number_axis(key, [domain.min, domain.max, *numbers], is_log=is_log, whole=whole)
        case Discrete(values) if len(numbers) == len(seen):
            return _choices(key, sorted({*values, *numbers}))
        case Categorical(values):
            return _choices(key, list(dict.fromkeys([*values, *seen])))
        case _:
            return _choices(key, list(dict.fromkeys(seen)))


def number_axis(label: str, values: Sequence[float], *, is_log: bool = False, whole: bool = False) -> PlotAxis:
    """Return an axis that includes all values. It is logarithmic only if `is_log` and all values are positive."""
    low, high = float(min(values)), float(max(values))
    return PlotAxis(label, low, high, is_log=is_log and low > 0, whole=whole and low.is_integer() and high.is_integer())


def _choices(label: str, values: Sequence[ParameterValue]) -> PlotAxis:
    last = len(values) - 1
    return PlotAxis(label, places={value: index / last if last else 0.5 for index, value in enumerate(values)})
