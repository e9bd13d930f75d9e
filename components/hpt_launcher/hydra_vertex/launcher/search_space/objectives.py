"""Parses the objectives of a Hydra sweeper config: the keys `direction` and `optimized_metric`. Pure.

Source of the list form: https://hydra.cc/docs/plugins/optuna_sweeper/ (`direction: [minimize, maximize]`, with an app
that returns the values in that order).
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.job import Goal, MetricSpec
from hydra_vertex.launcher.text.terminal import excerpt, is_name
from hydra_vertex.protocol.environment import DEFAULT_METRIC
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from .search_space import METRIC_KEY

_GOALS = {"minimize": Goal.MINIMIZE, "maximize": Goal.MAXIMIZE}


def parse_objectives(document: JsonObject, sweeper: JsonObject, source: str) -> tuple[MetricSpec, ...]:
    """Return a metric for each direction. Raises SearchSpaceError naming the key.

    Without `optimized_metric`, a single metric is `metric`, and several are `metric_1`, `metric_2` and so on.
    """
    direction = sweeper.get("direction")
    directions = direction if isinstance(direction, list) else [direction]
    goals = [_goal(item, direction, source) for item in directions]
    if not goals:
        raise SearchSpaceError(f"{source}: hydra.sweeper.direction is an empty list; write minimize or maximize")
    names = document.get(METRIC_KEY, sweeper.get(METRIC_KEY))
    if len(goals) == 1 and not isinstance(names, list):
        return (MetricSpec(_name(names, source, is_given=_is_given(document, sweeper)), goals[0]),)
    return tuple(map(MetricSpec, _names(names, len(goals), source, is_given=_is_given(document, sweeper)), goals))


def _is_given(document: JsonObject, sweeper: JsonObject) -> bool:
    return METRIC_KEY in document or METRIC_KEY in sweeper


def _goal(item: Json, direction: Json, source: str) -> Goal:
    goal = _GOALS.get(item.lower()) if isinstance(item, str) else None
    if goal is None:
        raise SearchSpaceError(
            f"{source}: hydra.sweeper.direction is {excerpt(repr(direction))}; write minimize or maximize"
            f"{', for each objective' if isinstance(direction, list) else ''}"
        )
    return goal


def _name(name: Json, source: str, *, is_given: bool) -> str:
    if not is_given:
        return DEFAULT_METRIC
    if not isinstance(name, str) or not is_name(name):
        raise SearchSpaceError(
            f"{source}: optimized_metric is {excerpt(repr(name))}; "
            "expected a name without spaces and control characters, such as val/loss"
        )
    return name


def _names(names: Json, count: int, source: str, *, is_given: bool) -> Sequence[str]:
    if not is_given:
        return [f"{DEFAULT_METRIC}_{number}" for number in range(1, count + 1)]
    problem = _problem(names, count)
    if problem:
        raise SearchSpaceError(f"{source}: optimized_metric is {excerpt(repr(names))}; {problem}")
    return [str(name) for name in names] if isinstance(names, list) else []


def _problem(names: Json, count: int) -> str:
    """Return what is wrong with the names of `count` objectives; empty when nothing is."""
    if not isinstance(names, list) or len(names) != count:
        return f"hydra.sweeper.direction has {count} direction{'s' if count > 1 else ''}, so expected a list of {count}"
    for name in names:
        if not isinstance(name, str) or not is_name(name):
            return f"{excerpt(repr(name))} is not a name without spaces and control characters, such as val/loss"
        if "${" in name:
            return f"in a list, write the name itself in place of {excerpt(name)}"
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    return f"{excerpt(repr(twice[0]))} is in it twice" if twice else ""
