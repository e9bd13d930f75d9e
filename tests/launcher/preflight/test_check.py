from __future__ import annotations

import dataclasses

import pytest

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    Domain,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ScaleType,
    walk_parameters,
)
from hydra_vertex.launcher.preflight.check import probe_values, probes
from launcher.jobs import SPEC


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (IntegerRange(1, 8), (1, 8)),
        (Categorical(("a", "b", "c")), ("a", "b", "c")),
        (Discrete((16.0, 32.0)), (16.0, 32.0)),
    ],
)
def test_extremes_and_every_listed_value_are_tested(domain: Domain, values: tuple[object, ...]) -> None:
    assert probe_values(ParameterSpec("x", domain)) == values


@pytest.mark.parametrize(("low", "high"), [(1.0, 8.0), (0.0, 2.0), (1.0, 4.0), (-8.0, 8.0), (1.0, 100.0)])
@pytest.mark.parametrize("scale", [ScaleType.LINEAR, ScaleType.LOG])
def test_a_double_is_also_tested_at_a_value_that_is_not_an_integer(low: float, high: float, scale: ScaleType) -> None:
    first, last, between = probe_values(ParameterSpec("x", DoubleRange(low, high), scale))

    assert (first, last) == (low, high)
    assert low < between < high
    assert between != int(between)


def test_arguments_have_the_form_that_a_service_appends() -> None:
    (only,) = probes(SPEC)
    assert only[:5] == (
        "--optimizer.lr=1e-05",
        "--optimizer.lr=0.1",
        "--optimizer.lr=0.001",
        "--model.depth=1",
        "--model.depth=8",
    )


def test_conditional_parameters_are_tested_with_each_parent_value_that_activates_them() -> None:
    nested = ParameterSpec("nested", IntegerRange(5, 6))
    child = ParameterSpec("child", IntegerRange(1, 2), None, (ConditionalParameter((2.0,), nested),))
    other = ParameterSpec("other", Categorical(("x",)))
    conditions = (ConditionalParameter(("a",), child), ConditionalParameter(("a", "b"), other))
    parent = ParameterSpec("parent", Categorical(("a", "b", "c")), None, conditions)

    assert [p.id for p in walk_parameters([parent])] == ["parent", "child", "nested", "other"]
    assert list(probes(dataclasses.replace(SPEC, parameters=(parent,)))) == [
        ("--parent=a", "--parent=b", "--parent=c"),
        ("--parent=a", "--child=1", "--child=2", "--other=x"),
        ("--parent=a", "--child=2", "--nested=5", "--nested=6"),
        ("--parent=b", "--other=x"),
    ]
