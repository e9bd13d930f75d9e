"""Reads conditions of a sweeper file: tags such as `tag('optimizer=sgd', interval(0.5, 0.99))`. Pure.

A tag is text of Hydra's own grammar, which other sweepers pass over, so the file stays one of hydra-optuna-sweeper. The
text is a choice as on Hydra's command line; `optimizer=sgd,rms` or several tags allow several values of one parameter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Sweep

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
)
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.suggestions import suggest

MARK = "="
"""A tag with this character is a condition; other tags are scales."""


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """The parameter `parent` has one of the texts in `values`. `where` is the place of the condition, for messages."""

    parent: str
    values: tuple[str, ...]
    where: str


def conditions_of(params: Mapping[str, Json], source: str) -> dict[str, Condition]:
    """Return the condition of each param that has one. The params are in Hydra's grammar. Raises SearchSpaceError."""
    found = {key: _condition(key, str(value), f"{source}: {excerpt(key)}") for key, value in params.items()}
    return {key: condition for key, condition in found.items() if condition is not None}


def as_tree(parameters: Sequence[ParameterSpec], conditions: Mapping[str, Condition]) -> tuple[ParameterSpec, ...]:
    """Return the parameters with each conditional one below its parent. Raises SearchSpaceError."""
    known = {parameter.id: parameter for parameter in parameters}
    for key, condition in conditions.items():
        if key not in known:
            raise SearchSpaceError(
                f"{condition.where}: has one value, so it is set in all trials; remove the condition"
            )
        if condition.parent not in known:
            near = suggest(condition.parent, list(known))
            raise SearchSpaceError(
                f"{condition.where}: depends on {excerpt(condition.parent)}, which is no parameter of the space{near}"
            )
        _require_no_circle(key, conditions)
    return tuple(_with_children(p, parameters, conditions) for p in parameters if p.id not in conditions)


def _condition(key: str, text: str, where: str) -> Condition | None:
    value = OverridesParser.create().parse_override(f"{key}={text}").value()
    tags = sorted(value.tags) if isinstance(value, Sweep) else []
    pairs = [tag.partition(MARK) for tag in tags if MARK in tag]
    parents = sorted({parent.strip() for parent, _, _ in pairs})
    if len(parents) > 1:
        raise SearchSpaceError(
            f"{where}: depends on {' and '.join(map(excerpt, parents))}, and a parameter can depend on one other only"
        )
    values = [value.strip() for _, _, listed in pairs for value in listed.split(",")]
    return Condition(parents[0], tuple(values), where) if parents else None


def _require_no_circle(key: str, conditions: Mapping[str, Condition]) -> None:
    seen = [key]
    while seen[-1] in conditions:
        parent = conditions[seen[-1]].parent
        if parent in seen:
            raise SearchSpaceError(f"{conditions[key].where}: depends on itself, by {' and '.join(map(excerpt, seen))}")
        seen.append(parent)


def _with_children(
    parent: ParameterSpec, parameters: Sequence[ParameterSpec], conditions: Mapping[str, Condition]
) -> ParameterSpec:
    children = []
    for parameter in parameters:
        condition = conditions.get(parameter.id)
        if condition is not None and condition.parent == parent.id:
            when = _values_of(parent, condition)
            children.append(ConditionalParameter(when, _with_children(parameter, parameters, conditions)))
    return dataclasses.replace(parent, children=tuple(children))


def _values_of(parent: ParameterSpec, condition: Condition) -> tuple[str, ...] | tuple[float, ...]:
    """Return the parent's values in its own order."""
    found = {text: _value_of(parent, text) for text in condition.values}
    for text, value in found.items():
        if value is None:
            raise SearchSpaceError(f"{condition.where}: {excerpt(parent.id)}={excerpt(text)} {_problem(parent)}")
    values = {value for value in found.values() if value is not None}
    texts = tuple(sorted((v for v in values if isinstance(v, str)), key=_texts(parent).index))
    return texts or tuple(sorted(v for v in values if not isinstance(v, str)))


def _value_of(parent: ParameterSpec, text: str) -> ParameterValue | None:
    match parent.domain:
        case Categorical(values):
            return text if text in values else None
        case Discrete(numbers):
            return next((number for number in numbers if number == _number(text)), None)
        case IntegerRange(low, high):
            number = _number(text)
            return number if number is not None and number.is_integer() and low <= number <= high else None
        case DoubleRange():
            return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _texts(parent: ParameterSpec) -> tuple[str, ...]:
    return parent.domain.values if isinstance(parent.domain, Categorical) else ()


def _problem(parent: ParameterSpec) -> str:
    match parent.domain:
        case Categorical(values) | Discrete(values):
            return f"is not one of its values: {excerpt(', '.join(map(str, values)))}"
        case IntegerRange(low, high):
            return f"is not one of its values: {low} to {high}"
        case DoubleRange():
            return "is no condition, because parameters cannot depend on an interval of floats"
