"""The default values of a search space: the parameters of a study's first trial, if its service starts with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from .parameters import walk_parameters
from .study_spec import ConditionalParameter, IntegerRange, ParameterSpec, StudySpec
from .trial import ParameterValue


def has_defaults(spec: StudySpec) -> bool:
    """Whether any parameter has a default value."""
    return any(parameter.domain.default is not None for parameter in walk_parameters(spec.parameters))


def without_defaults(spec: StudySpec) -> StudySpec:
    """Return the study without default values. The API documents them as not supported by tuning jobs."""
    return dataclasses.replace(spec, parameters=tuple(map(_without_default, spec.parameters)))


def default_parameters(spec: StudySpec) -> Mapping[str, ParameterValue] | None:
    """Return the parameters of a trial with the default values; None unless every active parameter has one."""
    return _defaults(spec.parameters)


def _defaults(parameters: Sequence[ParameterSpec]) -> Mapping[str, ParameterValue] | None:
    result: dict[str, ParameterValue] = {}
    for parameter in parameters:
        default = parameter.domain.default
        if default is None:
            return None
        result[parameter.id] = float(default) if isinstance(parameter.domain, IntegerRange) else default
        below = _defaults([child.spec for child in parameter.children if default in child.when])
        if below is None:
            return None
        result |= below
    return result


def _without_default(parameter: ParameterSpec) -> ParameterSpec:
    children = tuple(ConditionalParameter(child.when, _without_default(child.spec)) for child in parameter.children)
    domain = dataclasses.replace(parameter.domain, default=None)
    return dataclasses.replace(parameter, domain=domain, children=children)
