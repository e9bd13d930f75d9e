"""Finds which parameters an app has only under some options of a config group, and makes them conditional on these.

Each option of a group in the space is tried once, with the other groups at their base values: the number of
compositions is the sum of the options, not their product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.job import Categorical, ConditionalParameter, Discrete, IntegerRange, ParameterSpec, StudySpec
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.command import parameter_argument
from hydra_vertex.protocol.dialogue import Accepted, Detail, Problem, Question, Refused
from hydra_vertex.protocol.explanation import ArgumentKind

from .asked import Asked
from .findings import Finding
from .points import Point, Value, arguments_of, base_value

MOST_OPTIONS = 250
"""Options of config groups that are tried; each costs one composition."""
_MOST_WHOLE_NUMBERS = 100


@dataclass(frozen=True, slots=True)
class FoundConditions:
    """A study with the conditions that were found, a sentence for each, and findings where a tree cannot say them."""

    spec: StudySpec
    notices: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Options:
    """The tried options of a group: those with which a key exists, and all."""

    parent: ParameterSpec
    tried: tuple[Value, ...]
    unknown: Mapping[Value, Collection[str]]

    def with_key(self, id_: str) -> tuple[Value, ...]:
        return tuple(option for option in self.tried if id_ not in self.unknown[option])

    def decides(self, id_: str) -> bool:
        return 0 < len(self.with_key(id_)) < len(self.tried)


def find_conditions(app: Asked, spec: StudySpec) -> FoundConditions:
    """Try each option of the config groups in the space. Parameters that have a condition already are left as they are.

    A parameter that depends on several groups is a finding, because a parameter has one parent in the API. What is
    refused for another reason than an unknown key is left to the check of the space.
    """
    base = {parameter.id: base_value(parameter) for parameter in spec.parameters}
    groups, unknown = _groups(app, base)
    parents = [parameter for parameter in spec.parameters if parameter.id in groups]
    others = [p for p in spec.parameters if p.id not in groups and not p.id.startswith("+")]
    if not parents or not others:
        return FoundConditions(spec)
    if (count := sum(len(_values(parent)) for parent in parents)) > MOST_OPTIONS:
        return FoundConditions(spec, (f"no conditions are looked for: {count} options, and at most {MOST_OPTIONS}",))
    tried = [_tried(app, parent, base, unknown) for parent in parents]
    deciding = {p.id: [options for options in tried if options.decides(p.id)] for p in others}
    return FoundConditions(
        dataclasses.replace(spec, parameters=_as_tree(spec.parameters, deciding)),
        tuple(_notice(id_, options[0]) for id_, options in deciding.items() if len(options) == 1),
        tuple(_finding(id_, options) for id_, options in deciding.items() if len(options) > 1),
    )


def _groups(app: Asked, base: Point) -> tuple[frozenset[str], frozenset[str]]:
    """Return the parameters that choose an option of a group, and those whose key is unknown at the base point."""
    point = dict(base)
    unknown: set[str] = set()
    while point:
        match app.ask(Question(arguments_of(point), detail=Detail.INSPECT)):
            case Accepted(arguments=arguments):
                found = {a.argument for a in arguments if a.kind is ArgumentKind.GROUP}
                return frozenset(i for i in point if parameter_argument(i, point[i]) in found), frozenset(unknown)
            case Refused(problems=problems):
                refused = set(_blamed(problems, point))
                unknown |= set(_unknown(problems, point))
                if not refused:
                    break
                point = {id_: value for id_, value in point.items() if id_ not in refused}
    return frozenset(), frozenset()


def _tried(app: Asked, parent: ParameterSpec, base: Point, at_base: Collection[str]) -> _Options:
    unknown: dict[Value, Collection[str]] = {base[parent.id]: at_base}
    for option in _values(parent):
        if option == base[parent.id]:
            continue
        point = {**base, parent.id: option}
        match app.ask(Question(arguments_of(point))):
            case Accepted():
                unknown[option] = frozenset()
            case Refused(problems=problems) if parent.id not in (blamed := set(_blamed(problems, point))) and blamed:
                unknown[option] = frozenset(_unknown(problems, point))
    return _Options(parent, tuple(option for option in _values(parent) if option in unknown), unknown)


def _values(parent: ParameterSpec) -> Sequence[Value]:
    """Return the options that a parameter lists; none for a range that is no list."""
    match parent.domain:
        case Categorical(texts):
            return texts
        case Discrete(numbers):
            return numbers
        case IntegerRange(low, high) if high - low < _MOST_WHOLE_NUMBERS:
            return range(low, high + 1)
        case _:
            return ()


def _blamed(problems: Sequence[Problem], point: Point) -> Iterator[str]:
    ids = {parameter_argument(id_, value): id_ for id_, value in point.items()}
    yield from (ids[problem.argument] for problem in problems if problem.argument in ids)


def _unknown(problems: Sequence[Problem], point: Point) -> Iterator[str]:
    yield from _blamed([problem for problem in problems if problem.is_unknown_key], point)


def _as_tree(
    parameters: Sequence[ParameterSpec], deciding: Mapping[str, Sequence[_Options]]
) -> tuple[ParameterSpec, ...]:
    parent_of = {id_: options[0] for id_, options in deciding.items() if len(options) == 1}
    return tuple(
        dataclasses.replace(parameter, children=(*parameter.children, *_children(parameter, parameters, parent_of)))
        for parameter in parameters
        if parameter.id not in parent_of
    )


def _children(
    parent: ParameterSpec, parameters: Sequence[ParameterSpec], parent_of: Mapping[str, _Options]
) -> Iterator[ConditionalParameter]:
    for parameter in parameters:
        options = parent_of.get(parameter.id)
        if options is not None and options.parent.id == parent.id:
            when = options.with_key(parameter.id)
            texts = tuple(option for option in when if isinstance(option, str))
            numbers = tuple(float(option) for option in when if not isinstance(option, str))
            yield ConditionalParameter(texts or numbers, parameter)


def _notice(id_: str, options: _Options) -> str:
    choices = ", ".join(str(option) for option in options.with_key(id_))
    return (
        f"{excerpt(id_)} is a parameter only of trials with {excerpt(options.parent.id)}={excerpt(choices)}, "
        "because the app's config has the key only there"
    )


def _finding(id_: str, options: Sequence[_Options]) -> Finding:
    names = " and ".join(excerpt(item.parent.id) for item in options)
    return Finding(
        f"{excerpt(id_)}: whether the app's config has this key depends on {names} together, and a parameter can "
        "depend on one other only; choose an option of all but one of them in the app's command, or leave "
        f"{excerpt(id_)} out",
        id_,
    )
