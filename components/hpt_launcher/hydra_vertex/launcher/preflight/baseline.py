"""Puts the app's own composed values into a search space as the defaults of its parameters: the study's first trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.job import (
    Algorithm,
    Categorical,
    Discrete,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    StudySpec,
)
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.dialogue import Accepted, Detail, Question, Refused
from hydra_vertex.protocol.errors import AppError
from hydra_vertex.protocol.explanation import Composition
from hydra_vertex.protocol.json import Json

from .asked import Asked
from .own_values import NoValueError, OwnValues
from .points import Value, arguments_of, point_of
from .values_of_space import value_in

_NO_BASELINE = "the first trial is not the app's own config, because"

_REFUSED = ""
"""Stands for a key where the app refuses its own values as those of a trial."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A study with the app's own values as defaults. `first_trial` is a sentence about its first trial, or empty.

    `notices` has a sentence for each parameter whose own value is outside the search space.
    """

    spec: StudySpec
    first_trial: str = ""
    notices: tuple[str, ...] = ()


def with_baseline(app: Asked, spec: StudySpec, aliases: Sequence[str] = ()) -> Baseline:
    """Compose the app's config without parameters, and set the defaults that the search space does not set itself.

    The trial with these defaults is composed too, and compared: it gives the app's own config, or a notice says in
    which keys it does not. `aliases` are texts `ID=KEY`.
    Raises AppError when the app gives no answer.
    """
    if spec.algorithm is Algorithm.GRID_SEARCH:
        return Baseline(spec, f"{_NO_BASELINE} a grid search has its own order")
    match app.ask(Question((), detail=Detail.COMPOSE)):
        case Accepted(composition=Composition() as composition):
            keys = {id_: key.lstrip("+") for id_, _, key in (alias.partition("=") for alias in aliases)}
            return _begun_with(app, spec, OwnValues(composition), keys)
        case Refused(problems=problems):
            reason = excerpt(problems[0].message, 200)
            return Baseline(spec, f"{_NO_BASELINE} it cannot be composed without parameters: {reason}")
        case _:
            raise AppError("the app answered without a config")


def _begun_with(app: Asked, spec: StudySpec, own: OwnValues, keys: Mapping[str, str]) -> Baseline:
    found = tuple(_found(spec.parameters, own, keys))
    values = {item.id: item.value for item in found if item.value is not None}
    different = _different(app, spec, values, own, keys)
    are_accepted = _REFUSED not in different
    kept = {i: value for i, value in values.items() if are_accepted and keys.get(i, i.lstrip("+")) not in different}
    notices = (*(item.problem for item in found if item.problem), *different.values())
    completed = dataclasses.replace(spec, parameters=tuple(_with_default(p, kept) for p in spec.parameters))
    if any(item.is_of_file for item in found):
        return Baseline(completed, "the first trial has the default values of the search file", notices)
    shown = {id_: own.shown(keys.get(id_, id_.lstrip("+"))) for id_ in kept}
    return Baseline(completed, _first_trial(shown, len(notices)), notices)


@dataclass(frozen=True, slots=True)
class _Found:
    """The value of a parameter in the first trial; None with the `problem`, or where the search file sets it."""

    id: str
    value: Value | None
    problem: str = ""
    is_of_file: bool = False


def _found(parameters: Sequence[ParameterSpec], own: OwnValues, keys: Mapping[str, str]) -> Iterator[_Found]:
    """Yield the active parameters: without a condition, or with a parent whose value in the app activates them."""
    for parameter in parameters:
        item = _own(parameter, own, keys.get(parameter.id, parameter.id.lstrip("+")))
        yield item
        value = parameter.domain.default if item.value is None else item.value
        active = [child.spec for child in parameter.children if value is not None and value in child.when]
        yield from _found(active, own, keys)


def _own(parameter: ParameterSpec, own: OwnValues, key: str) -> _Found:
    if parameter.domain.default is not None:
        return _Found(parameter.id, None, is_of_file=True)
    try:
        value = own.value(key)
    except NoValueError as error:
        return _Found(parameter.id, None, f"{excerpt(parameter.id)}: {error}; the first trial has another value")
    found = value_in(parameter.domain, value)
    if found is not None:
        return _Found(parameter.id, found)
    return _Found(
        parameter.id,
        None,
        f"{excerpt(parameter.id)} is {excerpt(repr(value))} in the app's config, which is outside the search space "
        f"({_described(parameter)}); the first trial has another value",
    )


def _described(parameter: ParameterSpec) -> str:
    match parameter.domain:
        case DoubleRange(low, high) | IntegerRange(low, high):
            return f"{low} to {high}"
        case Categorical(values) | Discrete(values):
            return excerpt(", ".join(map(str, values)))


def _different(
    app: Asked, spec: StudySpec, values: Mapping[str, Value], own: OwnValues, keys: Mapping[str, str]
) -> dict[str, str]:
    """Return a sentence for each key that has another value than in the app's own config, if the defaults are given."""
    point = point_of(spec.parameters, lambda p: values[p.id], {}, _without(spec.parameters, values))
    match app.ask(Question(arguments_of(point), detail=Detail.COMPOSE)):
        case Accepted(composition=Composition() as composition):
            other = OwnValues(composition)
            searched = {keys.get(id_, id_.lstrip("+")) for id_ in values}
            return {key: _difference(key, own, other, key in searched) for key in own.keys_unlike(other)}
        case Refused(problems=problems):
            return {
                _REFUSED: f"the app refuses its own values as those of a trial: {excerpt(problems[0].message, 200)}"
            }
        case _:
            return {}


def _difference(key: str, own: OwnValues, other: OwnValues, is_searched: bool) -> str:
    """Return the sentence; only a searched key's values are shown, because any other may be a secret."""
    if not is_searched:
        return f"{excerpt(key)} has another value in a trial with the values of the app's config"
    before, after = (excerpt(repr(values.shown(key))) for values in (own, other))
    return f"{excerpt(key)} is {before} in the app's config, and {after} in a trial with the same values"


def _without(parameters: Sequence[ParameterSpec], values: Mapping[str, Value]) -> list[str]:
    """Return the parameters that have no value, also below others."""
    result = [parameter.id for parameter in parameters if parameter.id not in values]
    for parameter in parameters:
        result += _without([child.spec for child in parameter.children], values)
    return result


def _with_default(parameter: ParameterSpec, values: Mapping[str, Value]) -> ParameterSpec:
    children = tuple(dataclasses.replace(child, spec=_with_default(child.spec, values)) for child in parameter.children)
    changed = dataclasses.replace(parameter, children=children)
    value = values.get(parameter.id)
    if value is None:
        return changed
    # `value_in` has made the value of this domain.
    return dataclasses.replace(changed, domain=dataclasses.replace(parameter.domain, default=value))  # type: ignore[arg-type]


def _first_trial(values: Mapping[str, Json], problems: int) -> str:
    """Return the sentence about the first trial with the app's own values, which have the types of its config."""
    if problems:
        return f"{_NO_BASELINE} {problems} of its values cannot be those of a trial"
    if not values:
        return ""
    words = (f"{id_}={value if isinstance(value, str) else json.dumps(value)}" for id_, value in values.items())
    return f"the first trial is the app's own config: {' '.join(words)}"
