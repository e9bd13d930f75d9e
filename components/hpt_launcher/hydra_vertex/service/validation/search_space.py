"""Validates a search space. Pure; every message starts with the path of the field."""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from hydra_vertex.job import (
    Algorithm,
    Categorical,
    ConditionalParameter,
    Discrete,
    Domain,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
)
from hydra_vertex.job.quoting import quoted
from hydra_vertex.service.space.axes import SAME_VALUE_WITHIN

from .command import STRING_LIMIT_BYTES
from .refusals import invalid, unimplemented

PATH = "studySpec.parameters"
DOMAIN_FIELDS = {
    DoubleRange: "doubleValueSpec",
    IntegerRange: "integerValueSpec",
    Categorical: "categoricalValueSpec",
    Discrete: "discreteValueSpec",
}
DISCRETE_VALUES_LIMIT = 1000
PARAMETERS_LIMIT = 1000
"""Limit of this service: each change of a study's record writes its whole space, and delays other requests."""

VALUES_LIMIT = 10_000
"""Limit of this service for the same reason: categories, discrete values and values of conditions together."""

TEXT_LIMIT_BYTES = STRING_LIMIT_BYTES // 2
"""Limit of a name and of a value: `--NAME=VALUE` is one argument."""

CONDITION_FIELDS = {
    IntegerRange: "parentIntValues",
    Categorical: "parentCategoricalValues",
    Discrete: "parentDiscreteValues",
}


def validate_space(study: StudySpec) -> None:
    """Raises Refusal for the first wrong field: INVALID_ARGUMENT as Vertex AI would, or UNIMPLEMENTED."""
    if not study.parameters:
        invalid(PATH, "a study needs at least one parameter")
    specs_and_paths = [pair for index, spec in enumerate(study.parameters) for pair in _walk(spec, f"{PATH}[{index}]")]
    _validate_size([spec for spec, _ in specs_and_paths])
    for spec, path in specs_and_paths:
        _validate_parameter(spec, path)
        _refuse_alternatives(spec, path)
    for name in _repeated([spec.id for spec, _ in specs_and_paths]):
        invalid(PATH, f"parameterId {quoted(name)} is given more than once")
    if study.algorithm is Algorithm.GRID_SEARCH:
        _validate_grid(specs_and_paths)


def _walk(spec: ParameterSpec, path: str) -> Iterator[tuple[ParameterSpec, str]]:
    yield spec, path
    for index, child in enumerate(spec.children):
        yield from _walk(child.spec, f"{path}.conditionalParameterSpecs[{index}].parameterSpec")


def _validate_size(specs: Sequence[ParameterSpec]) -> None:
    if len(specs) > PARAMETERS_LIMIT:
        unimplemented(PATH, f"studies of more than {PARAMETERS_LIMIT} parameters (this one has {len(specs)})")
    count = sum(_value_count(spec) for spec in specs)
    if count > VALUES_LIMIT:
        unimplemented(PATH, f"studies of more than {VALUES_LIMIT} listed values (this one has {count})")


def _value_count(spec: ParameterSpec) -> int:
    listed = spec.domain.values if isinstance(spec.domain, (Categorical, Discrete)) else ()
    return len(listed) + sum(len(child.when) for child in spec.children)


def _validate_grid(specs_and_paths: Sequence[tuple[ParameterSpec, str]]) -> None:
    for spec, path in specs_and_paths:
        if isinstance(spec.domain, DoubleRange):
            invalid(
                f"{path}.doubleValueSpec",
                f"GRID_SEARCH needs a finite number of values, and {quoted(spec.id)} is a double; list discrete values",
            )


def _validate_parameter(spec: ParameterSpec, path: str) -> None:
    if not spec.id:
        invalid(f"{path}.parameterId", "is empty")
    if any(character.isspace() for character in spec.id):
        invalid(f"{path}.parameterId", f"{quoted(spec.id)} contains white space")
    _validate_texts([spec.id], f"{path}.parameterId")
    _validate_domain(spec, f"{path}.{DOMAIN_FIELDS[type(spec.domain)]}", f"{path}.scaleType")
    default, is_value = spec.domain.default, _membership(spec.domain)
    # A discrete parameter's default means the value closest to it, as the API documents.
    if default is not None and not isinstance(spec.domain, Discrete) and not is_value(default):
        invalid(
            f"{path}.{DOMAIN_FIELDS[type(spec.domain)]}.defaultValue",
            f"{quoted(default)} is not one of its values",
        )
    for index, child in enumerate(spec.children):
        _validate_condition(spec, child, is_value, f"{path}.conditionalParameterSpecs[{index}]")


def _validate_domain(spec: ParameterSpec, path: str, scale_path: str) -> None:
    match spec.domain:
        case DoubleRange(low, high) | IntegerRange(low, high):
            if low > high:
                invalid(path, f"minValue {low} is more than maxValue {high}")
            if not math.isfinite(float(high) - float(low)):
                invalid(path, f"from minValue {low} to maxValue {high} is more than a double can hold")
            _validate_scale(low, spec.scale, f"{path}.minValue")
        case Categorical(names):
            _validate_values(names, f"{path}.values")
            _validate_texts(names, f"{path}.values")
            if spec.scale is not None:
                invalid(scale_path, f"a categorical parameter has no scale, got {spec.scale.value}")
        case Discrete(values):
            _validate_values(values, f"{path}.values")
            _validate_discrete(values, f"{path}.values")
            _validate_scale(values[0], spec.scale, f"{path}.values[0]")


def _validate_discrete(values: Sequence[float], path: str) -> None:
    """Source: the comments of StudySpec.ParameterSpec.DiscreteValueSpec in google/cloud/aiplatform/v1/study.proto."""
    if len(values) > DISCRETE_VALUES_LIMIT:
        invalid(path, f"expected {DISCRETE_VALUES_LIMIT} at most, got {len(values)}")
    for value, following in itertools.pairwise(values):
        if value > following:
            invalid(path, f"expected ascending order, got {value} before {following}")
        if following - value < SAME_VALUE_WITHIN:
            invalid(path, f"expected values {SAME_VALUE_WITHIN} apart or more, got {value} and {following}")


def _validate_texts(texts: Sequence[str], path: str) -> None:
    for text in texts:
        if "\0" in text:
            invalid(path, f"a command line cannot contain a NUL character, got {quoted(text)}")
        if len(text.encode()) > TEXT_LIMIT_BYTES:
            unimplemented(path, f"names and values of more than {TEXT_LIMIT_BYTES} bytes")


def _validate_scale(lowest: float, scale: ScaleType | None, path: str) -> None:
    if scale in {ScaleType.LOG, ScaleType.REVERSE_LOG} and lowest <= 0:
        invalid(path, f"{scale.value} needs values above 0, got {lowest}")


def _validate_values(values: Sequence[str] | Sequence[float], path: str) -> None:
    if not values:
        invalid(path, "expected at least one value")
    for value in _repeated(values):
        invalid(path, f"{quoted(value)} is given more than once")


def _validate_condition(
    parent: ParameterSpec, child: ConditionalParameter, is_value: Callable[[ParameterValue], bool], path: str
) -> None:
    if isinstance(parent.domain, DoubleRange):
        invalid(path, f"{quoted(parent.id)} is a double, and parameters cannot depend on a double; make it discrete")
    path = f"{path}.{CONDITION_FIELDS[type(parent.domain)]}.values"
    _validate_values(child.when, path)
    for value in child.when:
        if not is_value(value):
            invalid(
                path,
                f"{quoted(value)} is not a value of {quoted(parent.id)}, on which {quoted(child.spec.id)} depends",
            )


def _refuse_alternatives(parent: ParameterSpec, path: str) -> None:
    """Refuse children with the same name. The API allows them if their conditions are disjoint."""
    conditions: dict[str, set[ParameterValue]] = {}
    for index, child in enumerate(parent.children):
        earlier = conditions.setdefault(child.spec.id, set())
        if earlier and earlier.isdisjoint(child.when):
            name, under = quoted(child.spec.id), quoted(parent.id)
            unimplemented(
                f"{path}.conditionalParameterSpecs[{index}].parameterSpec.parameterId",
                f"several parameters of one name ({name}), each under other values of {under},",
            )
        earlier.update(child.when)


def _membership(domain: Domain) -> Callable[[ParameterValue], bool]:
    """Return a predicate for the values of a domain; its time grows at most with the logarithm of their number."""
    match domain:
        case DoubleRange(low, high):
            return lambda value: not isinstance(value, str) and low <= value <= high
        case IntegerRange(low, high):
            return lambda value: not isinstance(value, str) and float(value).is_integer() and low <= value <= high
        case Categorical(names):
            return set(names).__contains__
        case Discrete(values):
            return lambda value: not isinstance(value, str) and _is_near_one(value, values)


def _is_near_one(value: float, ascending: Sequence[float]) -> bool:
    at = bisect.bisect_left(ascending, value)
    return any(abs(value - near) <= SAME_VALUE_WITHIN for near in ascending[max(at - 1, 0) : at + 1])


def _repeated(values: Sequence[str] | Sequence[float]) -> Iterator[str | float]:
    return (value for value, count in Counter[str | float](values).items() if count > 1)
