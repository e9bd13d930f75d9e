"""Extracts the trial's objective from the app's return value. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
