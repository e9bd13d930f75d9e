"""Hypothesis strategies: search spaces with conditional parameters, and earlier studies with trials in them."""

from __future__ import annotations

import dataclasses
import math
from typing import TypeAlias

from hypothesis import strategies as st

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    Domain,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    Measurement,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
)

METRIC = MetricSpec("loss", Goal.MINIMIZE)
CATEGORIES = ("a", "b", "c", "d")
Draw: TypeAlias = st.DrawFn


@st.composite
def scaled_ranges(draw: Draw) -> tuple[Domain, ScaleType | None]:
    """A range of doubles or integers with a scale that it can have; ends of any size."""
    scale = draw(st.sampled_from([None, *set(ScaleType) - {ScaleType.UNSPECIFIED}]))
    positive = scale in {ScaleType.LOG, ScaleType.REVERSE_LOG}
    if draw(st.booleans()):
        whole = st.integers(1 if positive else -(10**6), 10**9)
        first, second = sorted((draw(whole), draw(whole)))
        return IntegerRange(first, second), scale
    number = st.floats(1e-300 if positive else -1e300, 1e300, allow_subnormal=False)
    usual = st.floats(1e-7 if positive else -100.0, 100.0)
    # -0.0 + 0.0 is 0.0.
    low, high = sorted((draw(number | usual) + 0.0, draw(number | usual) + 0.0))
    return DoubleRange(low, high), scale


@st.composite
def parameters(draw: Draw, name: str = "p", depth: int = 0) -> ParameterSpec:
    """A parameter of any type, with conditional ones below categories, integers and lists."""
    kind = draw(st.sampled_from(("range", "categories", "list")))
    if kind == "range":
        domain, scale = draw(scaled_ranges())
        if isinstance(domain, IntegerRange) and domain.max - domain.min > 20:
            return ParameterSpec(name, domain, scale)
    elif kind == "categories":
        domain, scale = Categorical(CATEGORIES), None
    else:
        values = draw(st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=1, max_size=6, unique=True))
        domain, scale = Discrete(tuple(sorted(values))), None
    spec = ParameterSpec(name, with_default(draw, domain), scale)
    return dataclasses.replace(spec, children=tuple(children(draw, spec, depth)))


def children(draw: Draw, parent: ParameterSpec, depth: int) -> list[ConditionalParameter]:
    listed = listed_values(parent.domain)
    if depth > 1 or not listed:
        return []
    found = []
    for index in range(draw(st.integers(0, 2))):
        when = tuple(draw(st.lists(st.sampled_from(listed), min_size=1, unique=True)))
        found.append(ConditionalParameter(when, draw(parameters(f"{parent.id}{index}", depth + 1))))  # type: ignore[arg-type] # all of one type
    return found


def listed_values(domain: Domain) -> list[str | float]:
    match domain:
        case DoubleRange():
            return []
        case IntegerRange(low, high):
            return [float(value) for value in range(low, high + 1)]
        case Categorical(values):
            return list(values)
        case Discrete(numbers):
            return list(numbers)


def with_default(draw: Draw, domain: Domain) -> Domain:
    if not draw(st.booleans()):
        return domain
    value = draw(values_in(domain))
    if isinstance(domain, IntegerRange):
        return dataclasses.replace(domain, default=int(value))
    return dataclasses.replace(domain, default=value)  # type: ignore[arg-type] # a value of the domain


def values_in(domain: Domain) -> st.SearchStrategy[ParameterValue]:
    match domain:
        case DoubleRange(low, high):
            return st.floats(low, high)
        case IntegerRange(low, high):
            return st.integers(low, high).map(float)
        case Categorical(values):
            return st.sampled_from(values)
        case Discrete(numbers):
            return st.sampled_from(numbers)


def drawn_values(draw: Draw, specs: tuple[ParameterSpec, ...]) -> dict[str, ParameterValue]:
    """Values as a service suggests them: conditional parameters have one only while they are active."""
    found: dict[str, ParameterValue] = {}
    for spec in specs:
        found[spec.id] = draw(values_in(spec.domain))
        active = tuple(child.spec for child in spec.children if found[spec.id] in child.when)
        found |= drawn_values(draw, active)
    return found


@st.composite
def studies(draw: Draw) -> tuple[StudySpec, tuple[HyperparameterTuningJob, ...]]:
    """A search space and earlier studies of it, with infeasible and requested trials among theirs."""
    specs = tuple(draw(parameters(name)) for name in ("x", "y")[: draw(st.integers(1, 2))])
    spec = StudySpec((METRIC,), specs)
    jobs = tuple(_job(draw, spec) for _ in range(draw(st.integers(1, 2))))
    return spec, jobs


def _job(draw: Draw, spec: StudySpec) -> HyperparameterTuningJob:
    trials = tuple(_trial(draw, spec, number) for number in range(1, draw(st.integers(1, 12)) + 1))
    return HyperparameterTuningJob("earlier", spec, TrialJobSpec(worker_pools=()), 12, 1, trials=trials)


def _trial(draw: Draw, spec: StudySpec, number: int) -> Trial:
    values = drawn_values(draw, spec.parameters)
    state = draw(st.sampled_from([TrialState.SUCCEEDED] * 6 + [TrialState.INFEASIBLE, TrialState.REQUESTED]))
    loss = draw(st.floats(-10, 10)) if state is TrialState.SUCCEEDED else math.nan
    measured = Measurement({METRIC.id: loss}) if state is TrialState.SUCCEEDED else None
    return Trial(str(number), state, values, final_measurement=measured)
