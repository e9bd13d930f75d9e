"""Converts the distributions of an Optuna study's trials to the parameters of a study spec.

Optuna 2 has other classes of distributions than 3 and newer; both are read by their attributes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra_vertex.job import (
    Categorical,
    Discrete,
    Domain,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

MAX_LEVELS = 1000
"""A distribution with steps and more values than this becomes a range. It is the API's limit of discrete values."""


def parameter_specs(trials: Sequence[FrozenTrial]) -> tuple[ParameterSpec, ...]:
    """Return the parameters of the trials, by name in the order of their first appearance.

    A parameter whose distribution differs between trials gets a domain that contains all of them.
    """
    found: dict[str, list[BaseDistribution]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            known = found.setdefault(name, [])
            if distribution not in known:
                known.append(distribution)
    return tuple(_spec(name, distributions) for name, distributions in found.items())


def values_in(parameters: Mapping[str, object], specs: Sequence[ParameterSpec]) -> dict[str, ParameterValue]:
    """Return the values of a trial as the API has them; a number among categories is its text."""
    categories = {spec.id for spec in specs if isinstance(spec.domain, Categorical)}
    values = {key: parameter_value(value) for key, value in parameters.items()}
    return {
        key: _number_text(value) if key in categories and not isinstance(value, str) else value
        for key, value in values.items()
    }


def parameter_value(value: object) -> ParameterValue:
    """Return a value as the API has it: a finite number as a double, anything else as the text of an override."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return value if isinstance(value, str) else _text(value)


def _spec(name: str, distributions: Sequence[BaseDistribution]) -> ParameterSpec:
    choices = [choice for item in distributions for choice in getattr(item, "choices", ())]
    if choices:
        return ParameterSpec(name, _choices(choices, [item for item in distributions if not hasattr(item, "choices")]))
    low, high = min(_bounds(item)[0] for item in distributions), max(_bounds(item)[1] for item in distributions)
    scale = ScaleType.LOG if all(_is_log(item) for item in distributions) else ScaleType.LINEAR
    levels = _levels(distributions[0]) if len(distributions) == 1 else None
    if levels is not None:
        return ParameterSpec(name, Discrete(levels), ScaleType.LINEAR)
    if all(_is_integer(item) for item in distributions):
        return ParameterSpec(name, IntegerRange(int(low), int(high)), scale)
    return ParameterSpec(name, DoubleRange(low, high), scale)


def _choices(choices: Sequence[object], ranges: Sequence[BaseDistribution]) -> Domain:
    """Return the domain of choices; they are discrete numbers if all are numbers."""
    values = [parameter_value(choice) for choice in choices]
    values += [bound for item in ranges for bound in _bounds(item)]
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        return Discrete(tuple(sorted(set(numbers))))
    return Categorical(
        tuple(dict.fromkeys(value if isinstance(value, str) else _number_text(value) for value in values))
    )


def _levels(distribution: BaseDistribution) -> tuple[float, ...] | None:
    """Return the values of a distribution with steps; None without steps, and for steps of 1 of an integer."""
    step = float(getattr(distribution, "step", None) or getattr(distribution, "q", None) or 0)
    low, high = _bounds(distribution)
    if not step or (_is_integer(distribution) and step == 1) or _is_log(distribution):
        return None
    count = int((high - low) / step + 1e-8) + 1
    return tuple(low + index * step for index in range(count)) if count <= MAX_LEVELS else None


def _bounds(distribution: BaseDistribution) -> tuple[float, float]:
    return float(getattr(distribution, "low", 0.0)), float(getattr(distribution, "high", 0.0))


def _is_log(distribution: BaseDistribution) -> bool:
    return bool(getattr(distribution, "log", False)) or "Log" in type(distribution).__name__


def _is_integer(distribution: BaseDistribution) -> bool:
    return type(distribution).__name__.startswith("Int")


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _text(value: object) -> str:
    """Return the text with which Hydra reads a value that is neither a number nor a string."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
