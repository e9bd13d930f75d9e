"""The points of a search space that `check` tries with the app's config. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hydra_vertex.job import (
    Categorical,
    Discrete,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
)
from hydra_vertex.protocol.command import parameter_argument

Value: TypeAlias = ParameterValue | int
Point: TypeAlias = Mapping[str, Value]
"""The value of each active parameter."""

RANDOM_POINTS = 20
SEED = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """A point to try. `varied` are the parameters in which it differs from the base point; empty for a random point.

    `is_structural`: its config may have other keys than that of the base point, or other interpolations.
    """

    point: Point
    varied: tuple[str, ...]
    is_structural: bool


def arguments_of(point: Point) -> tuple[str, ...]:
    """Return a point in the form in which a service appends it to a trial's arguments."""
    return tuple(parameter_argument(key, value) for key, value in point.items())


def point_of(
    parameters: Sequence[ParameterSpec],
    value_of: Callable[[ParameterSpec], Value],
    chosen: Point,
    without: Collection[str] = (),
) -> dict[str, Value]:
    """Return the point with the `chosen` values, and `value_of` each other active parameter."""
    result: dict[str, Value] = {}
    for parameter in parameters:
        if parameter.id in without and parameter.id not in chosen:
            continue
        value = chosen[parameter.id] if parameter.id in chosen else value_of(parameter)
        result[parameter.id] = value
        active = [child.spec for child in parameter.children if value in child.when]
        result |= point_of(active, value_of, chosen, without)
    return result


def single_probes(
    parameters: Sequence[ParameterSpec], value_of: Callable[[ParameterSpec], Value], without: Collection[str] = ()
) -> Iterator[Probe]:
    """Yield a probe for each value that shows whether a key accepts its domain, the other parameters at their base.

    The branches of conditional parameters come first, then the first further value of each parameter, the second, ...
    """
    seen = {arguments_of(point_of(parameters, value_of, {}, without))}
    for chosen, is_structural in _single_changes(parameters, value_of):
        point = point_of(parameters, value_of, chosen, without)
        if arguments_of(point) not in seen:
            seen.add(arguments_of(point))
            yield Probe(point, tuple(chosen), is_structural)


def _single_changes(
    parameters: Sequence[ParameterSpec], value_of: Callable[[ParameterSpec], Value]
) -> Iterator[tuple[Point, bool]]:
    """Yield the values to choose, and whether the config may then have other keys."""
    branches = list(_branches(parameters, {}))
    yield from ((conditions, True) for conditions, _ in branches)
    rows = [(above, p, _further_values(p, value_of)) for above, active in branches for p in active]
    for index in range(max((len(values) for _, _, values in rows), default=0)):
        for above, parameter, values in rows:
            if index < len(values):
                yield {**above, parameter.id: values[index]}, isinstance(parameter.domain, Categorical)


def random_probes(parameters: Sequence[ParameterSpec], without: Collection[str] = ()) -> Iterator[Probe]:
    """Yield RANDOM_POINTS points of the whole space, always the same."""
    source = random.Random(SEED)  # noqa: S311 - not for secrets
    for _ in range(RANDOM_POINTS):
        yield Probe(point_of(parameters, lambda p: random_value(p, source), {}, without), (), True)


def base_value(parameter: ParameterSpec) -> Value:
    """Return the parameter's value while others are varied: inside a range, or the first that is listed."""
    values = probe_values(parameter)
    return values[-1] if isinstance(parameter.domain, (DoubleRange, IntegerRange)) else values[0]


def probe_values(parameter: ParameterSpec) -> tuple[Value, ...]:
    """Return values that show whether a key accepts this domain: ends and inside of a range, or all listed values."""
    match parameter.domain:
        case DoubleRange(low, high):
            return (low, high, _between(low, high, parameter.scale))
        case IntegerRange(low, high):
            return tuple(dict.fromkeys((low, high, low + (high - low) // 2)))
        case Categorical(values):
            return values
        case Discrete(values):
            return values


def random_value(parameter: ParameterSpec, source: random.Random) -> Value:
    """Return a value of the parameter's domain."""
    match parameter.domain:
        case DoubleRange(low, high) if parameter.scale is ScaleType.LOG and low > 0:
            return min(high, max(low, math.exp(source.uniform(math.log(low), math.log(high)))))
        case DoubleRange(low, high):
            return source.uniform(low, high)
        case IntegerRange(low, high):
            return source.randint(low, high)
        case Categorical(texts):
            return source.choice(texts)
        case Discrete(numbers):
            return source.choice(numbers)


def _branches(parameters: Sequence[ParameterSpec], above: Point) -> Iterator[tuple[Point, tuple[ParameterSpec, ...]]]:
    """Yield the values that make parameters active, and these parameters; first those without conditions."""
    yield above, tuple(parameters)
    for parameter in parameters:
        for value in dict.fromkeys(value for child in parameter.children for value in child.when):
            active = [child.spec for child in parameter.children if value in child.when]
            is_integer = isinstance(parameter.domain, IntegerRange) and not isinstance(value, str)
            yield from _branches(active, {**above, parameter.id: int(value) if is_integer else value})


def _further_values(parameter: ParameterSpec, value_of: Callable[[ParameterSpec], Value]) -> list[Value]:
    base = value_of(parameter)
    return [value for value in probe_values(parameter) if value != base]


def _between(low: float, high: float, scale: ScaleType | None) -> float:
    # The product of the two ends may exceed the range of a double.
    middle = math.sqrt(low) * math.sqrt(high) if scale is ScaleType.LOG and low > 0 else low + (high - low) * 0.53125
    return middle if not middle.is_integer() else low + (high - low) * 0.4140625
