"""Extracts the trial's objective, or its several objectives, from the app's return value. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

from .scalars import to_float


@dataclass(frozen=True, slots=True)
class Objective:
    """A finite number to report."""

    value: float


@dataclass(frozen=True, slots=True)
class NoObjective:
    """The return value contains no finite number; `reason` explains this in the trial's log."""

    reason: str


Outcome: TypeAlias = Objective | NoObjective


def parse_outcome(returned: object, metrics: Sequence[str]) -> tuple[float, ...] | NoObjective:
    """Return the value of each metric, or why the app's return value has none."""
    if len(metrics) > 1:
        several = parse_objectives(returned, metrics)
        return several if isinstance(several, NoObjective) else tuple(objective.value for objective in several)
    outcome = parse_objective(returned, metrics[0])
    return outcome if isinstance(outcome, NoObjective) else (outcome.value,)


def parse_objective(returned: object, metric: str) -> Outcome:
    """Return a number, the first item of a tuple or list, or a mapping's entry named `metric` (or its only entry)."""
    match returned:
        case None:
            return NoObjective(f"the app returned None; return {metric!r} from its main function to report it")
        case Mapping():
            return _entry(returned, metric)
        case tuple() | list():
            return parse_objective(returned[0], metric) if returned else NoObjective("the app returned an empty list")
        case _:
            return _number(returned)


def parse_objectives(returned: object, metrics: Sequence[str]) -> tuple[Objective, ...] | NoObjective:
    """Return the objective of each of two or more metrics; all of them or none.

    The app returns a tuple or list with a number for each metric in their order, or a mapping with their names. As in
    Hydra's Optuna sweeper, an array with as many entries counts as a list.
    """
    if len(set(metrics)) < len(metrics):
        return NoObjective(f"the names of the metrics are {_listed(metrics)}; each must be named once")
    match returned:
        case Mapping():
            missing = [metric for metric in metrics if metric not in returned]
            if missing:
                return NoObjective(f"the app returned a mapping without {_listed(missing)}; {_expected(metrics)}")
            items = [returned[metric] for metric in metrics]
        case _:
            values = _items(returned)
            if values is None:
                kind = "None" if returned is None else f"a value of type {type(returned).__name__}"
                return NoObjective(f"the app returned {kind}; {_expected(metrics)}")
            items = values
    if len(items) != len(metrics):
        return NoObjective(f"the app returned {len(items)} value{'' if len(items) == 1 else 's'}; {_expected(metrics)}")
    found = [(metric, _number(item)) for metric, item in zip(metrics, items, strict=True)]
    for metric, outcome in found:
        if isinstance(outcome, NoObjective):
            return NoObjective(f"{metric}: {outcome.reason}")
    return tuple(outcome for _, outcome in found if isinstance(outcome, Objective))


def _expected(metrics: Sequence[str]) -> str:
    return f"return {len(metrics)} numbers from its main function, {_listed(metrics)} in this order"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _items(returned: object) -> list[object] | None:
    """Return the entries of a sequence or an array; None for what has no entries, or none in an order."""
    if isinstance(returned, (str, bytes, Set)) or not isinstance(returned, Iterable):
        return None
    try:
        return list(returned)
    except TypeError:  # numpy and torch: an array without a dimension
        return None


def _entry(returned: Mapping[object, object], metric: str) -> Outcome:
    if metric in returned:
        return _number(returned[metric])
    if len(returned) == 1:
        return _number(next(iter(returned.values())))
    names = ", ".join(repr(str(name)) for name in returned) or "none"
    return NoObjective(f"the app returned a mapping without {metric!r} (its entries: {names}); name one with --metric")


def _number(returned: object) -> Outcome:
    try:
        number = to_float(returned)
    except (TypeError, ValueError) as error:
        return NoObjective(f"the app returned {error}")
    if not math.isfinite(number):
        return NoObjective(f"the app returned {number}, which is not a finite number")
    return Objective(number)
