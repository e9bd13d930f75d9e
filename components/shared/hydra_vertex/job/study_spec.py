"""`StudySpec`: the search space, the metrics and the search algorithm of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.metric_names import metric_text

from .enums import Algorithm, Goal, MeasurementSelection, ScaleType
from .fields import Fields, parse_number, parse_text, present
from .stopping_spec import (
    AutomatedStopping,
    StudyStopping,
    dump_automated_stopping,
    dump_study_stopping,
    parse_automated_stopping,
    parse_study_stopping,
)


@dataclass(frozen=True, slots=True)
class DoubleRange:
    """Doubles from `min` to `max`, both inclusive."""

    min: float
    max: float
    default: float | None = None


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """Integers from `min` to `max`, both inclusive."""

    min: int
    max: int
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Categorical:
    """A set of strings without an order."""

    values: tuple[str, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Discrete:
    """A list of doubles, in ascending order."""

    values: tuple[float, ...]
    default: float | None = None


DEPTH_LIMIT = 40
"""Maximum nesting of conditional parameters. Protocol buffers allow a depth of 100 messages, and a level takes two."""

Domain: TypeAlias = DoubleRange | IntegerRange | Categorical | Discrete
Condition: TypeAlias = tuple[str, ...] | tuple[float, ...]
"""The values of the parent parameter for which a conditional parameter is active."""


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One parameter. `scale` is None for a categorical parameter, and for the API's default (linear)."""

    id: str
    domain: Domain
    scale: ScaleType | None = None
    children: tuple[ConditionalParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class ConditionalParameter:
    """A parameter that exists only while its parent has one of the values in `when`."""

    when: Condition
    spec: ParameterSpec


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric and whether it is maximised or minimised."""

    id: str
    goal: Goal
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudySpec:
    """A search space, its metrics and the search algorithm. Each metric is an objective, the first one `objective`.

    `automated_stopping` stops single trials early, `study_stopping` ends the study; None means no such rule.
    """

    metrics: tuple[MetricSpec, ...]
    parameters: tuple[ParameterSpec, ...]
    algorithm: Algorithm = Algorithm.BAYESIAN
    measurement_selection: MeasurementSelection = MeasurementSelection.UNSPECIFIED
    automated_stopping: AutomatedStopping | None = None
    study_stopping: StudyStopping | None = None
    other: JsonObject = field(default_factory=dict)

    @property
    def objective(self) -> MetricSpec:
        """The only objective, or the first of several. Raises DocumentError when the study has no metric."""
        if not self.metrics:
            raise DocumentError("studySpec.metrics", "is empty; name the metric that the app returns, and its goal")
        return self.metrics[0]

    @property
    def other_metric_ids(self) -> tuple[str, ...]:
        """The ids of the objectives after the first."""
        return tuple(metric.id for metric in self.metrics[1:])

    @property
    def has_several_objectives(self) -> bool:
        """Whether the study has more than one objective, so that its result is a Pareto set."""
        return len(self.metrics) > 1

    @property
    def metric_text(self) -> str:
        """The names of all metrics as `hydra-trial --metric` takes them. Raises DocumentError without a metric."""
        return metric_text(self.metric_ids)

    @property
    def metric_ids(self) -> tuple[str, ...]:
        """The ids of all objectives. Raises DocumentError without a metric."""
        return (self.objective.id, *self.other_metric_ids)


def parse_study_spec(value: Json, path: str = "studySpec") -> StudySpec:
    """Read a `StudySpec`. Checks the types of the fields, not their meaning. Raises DocumentError naming the field."""
    fields = Fields(value, path)
    study_stopping = fields.take("studyStoppingConfig")
    return StudySpec(
        metrics=fields.items("metrics", _parse_metric),
        parameters=fields.items("parameters", parse_parameter),
        algorithm=fields.enum("algorithm", Algorithm, Algorithm.BAYESIAN),
        measurement_selection=fields.enum(
            "measurementSelectionType", MeasurementSelection, MeasurementSelection.UNSPECIFIED
        ),
        automated_stopping=parse_automated_stopping(fields),
        study_stopping=(
            None if study_stopping is None else parse_study_stopping(study_stopping, fields.path("studyStoppingConfig"))
        ),
        other=fields.rest(),
    )


def dump_study_spec(spec: StudySpec) -> JsonObject:
    """Return the JSON of a `StudySpec`; every enum for which Google has a default is written explicitly."""
    study_stopping = spec.study_stopping
    return {
        **spec.other,
        **dump_automated_stopping(spec.automated_stopping),
        **({} if study_stopping is None else {"studyStoppingConfig": dump_study_stopping(study_stopping)}),
        "metrics": [{**m.other, "metricId": m.id, "goal": m.goal.value} for m in spec.metrics],
        "parameters": [dump_parameter(p) for p in spec.parameters],
        "algorithm": spec.algorithm.value,
        "measurementSelectionType": spec.measurement_selection.value,
    }


def parse_parameter(value: Json, path: str, depth: int = 0) -> ParameterSpec:
    """Read a `ParameterSpec` and its conditional parameters. `depth` is the number of its ancestors.

    Raises DocumentError naming the field, also when conditional parameters are nested more than DEPTH_LIMIT deep.
    """
    if depth > DEPTH_LIMIT:
        raise DocumentError(path, f"conditional parameters are nested more than {DEPTH_LIMIT} deep")
    fields = Fields(value, path)
    scale = fields.enum("scaleType", ScaleType, ScaleType.UNSPECIFIED)
    return ParameterSpec(
        id=fields.text("parameterId"),
        domain=_parse_domain(fields, path),
        scale=None if scale is ScaleType.UNSPECIFIED else scale,
        children=fields.items("conditionalParameterSpecs", lambda item, at: _parse_child(item, at, depth + 1)),
    )


def dump_parameter(spec: ParameterSpec) -> JsonObject:
    """Return the JSON of a `ParameterSpec`."""
    return {
        "parameterId": spec.id,
        **_dump_domain(spec.domain),
        **present(
            scaleType=spec.scale.value if spec.scale else None,
            conditionalParameterSpecs=[_dump_child(child, spec.domain) for child in spec.children],
        ),
    }


def _parse_metric(value: Json, path: str) -> MetricSpec:
    fields = Fields(value, path)
    return MetricSpec(fields.text("metricId"), fields.enum("goal", Goal, Goal.UNSPECIFIED), fields.rest())


_DOMAINS = ("doubleValueSpec", "integerValueSpec", "categoricalValueSpec", "discreteValueSpec")


def _parse_domain(fields: Fields, path: str) -> Domain:
    given = [name for name in _DOMAINS if fields.has(name)]
    if len(given) != 1:
        raise DocumentError(path, f"expected exactly one of {', '.join(_DOMAINS)}, got {', '.join(given) or 'none'}")
    body = fields.child(given[0])
    match given[0]:
        case "doubleValueSpec":
            low, high = body.number("minValue", 0.0), body.number("maxValue", 0.0)
            return DoubleRange(low or 0.0, high or 0.0, body.number("defaultValue"))
        case "integerValueSpec":
            default = body.integer("defaultValue") if body.has("defaultValue") else None
            return IntegerRange(body.integer("minValue"), body.integer("maxValue"), default)
        case "categoricalValueSpec":
            return Categorical(body.items("values", parse_text), body.text("defaultValue") or None)
        case _:
            return Discrete(body.items("values", parse_number), body.number("defaultValue"))


def _dump_domain(domain: Domain) -> JsonObject:
    match domain:
        case DoubleRange(low, high, default):
            return {"doubleValueSpec": {"minValue": low, "maxValue": high, **_default(default)}}
        case IntegerRange(low, high, default):
            whole = None if default is None else str(default)
            return {"integerValueSpec": {"minValue": str(low), "maxValue": str(high), **_default(whole)}}
        case Categorical(values, default):
            return {"categoricalValueSpec": {"values": list(values), **_default(default)}}
        case Discrete(values, default):
            return {"discreteValueSpec": {"values": list(values), **_default(default)}}


def _default(value: float | str | None) -> Mapping[str, Json]:
    return {} if value is None else {"defaultValue": value}


_CONDITIONS = ("parentDiscreteValues", "parentIntValues", "parentCategoricalValues")


def _parse_child(value: Json, path: str, depth: int) -> ConditionalParameter:
    fields = Fields(value, path)
    given = [name for name in _CONDITIONS if fields.has(name)]
    if len(given) != 1:
        raise DocumentError(path, f"expected exactly one of {', '.join(_CONDITIONS)}, got {', '.join(given) or 'none'}")
    body = fields.child(given[0])
    texts = given[0] == "parentCategoricalValues"
    when: Condition = body.items("values", parse_text) if texts else body.items("values", parse_number)
    spec = parse_parameter(fields.message("parameterSpec"), fields.path("parameterSpec"), depth)
    return ConditionalParameter(when, spec)


def _dump_child(child: ConditionalParameter, parent: Domain) -> JsonObject:
    match parent:
        case Categorical():
            condition: JsonObject = {"parentCategoricalValues": {"values": list(child.when)}}
        case IntegerRange():
            condition = {"parentIntValues": {"values": [str(int(v)) for v in child.when]}}
        case DoubleRange() | Discrete():
            condition = {"parentDiscreteValues": {"values": list(child.when)}}
    return {**condition, "parameterSpec": dump_parameter(child.spec)}
