from __future__ import annotations

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
from hydra_vertex.launcher.preflight.points import (
    RANDOM_POINTS,
    arguments_of,
    base_value,
    point_of,
    probe_values,
    random_probes,
    single_probes,
)
from launcher.jobs import SPEC

NESTED = ParameterSpec("nested", IntegerRange(5, 6))
CHILD = ParameterSpec("child", IntegerRange(1, 2), None, (ConditionalParameter((2.0,), NESTED),))
OTHER = ParameterSpec("other", Categorical(("x",)))
CONDITIONS = (ConditionalParameter(("a",), CHILD), ConditionalParameter(("a", "b"), OTHER))
PARENT = ParameterSpec("parent", Categorical(("a", "b", "c")), None, CONDITIONS)


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (IntegerRange(1, 8), (1, 8, 4)),
        (IntegerRange(1, 1), (1,)),
        (Categorical(("a", "b", "c")), ("a", "b", "c")),
        (Discrete((16.0, 32.0)), (16.0, 32.0)),
    ],
)
def test_ends_inside_and_every_listed_value_are_tried(domain: Domain, values: tuple[object, ...]) -> None:
    assert probe_values(ParameterSpec("x", domain)) == values


@pytest.mark.parametrize(("low", "high"), [(1.0, 8.0), (0.0, 2.0), (1.0, 4.0), (-8.0, 8.0), (1.0, 100.0)])
@pytest.mark.parametrize("scale", [ScaleType.LINEAR, ScaleType.LOG])
def test_a_double_is_also_tried_at_a_value_that_is_not_an_integer(low: float, high: float, scale: ScaleType) -> None:
    first, last, between = probe_values(ParameterSpec("x", DoubleRange(low, high), scale))

    assert (first, last) == (low, high)
    assert isinstance(between, float)
    assert low < between < high
    assert not between.is_integer()


def test_each_value_is_tried_alone_with_the_others_at_one_value() -> None:
    points = [arguments_of(probe.point) for probe in single_probes(SPEC.parameters, base_value)]

    base = ("--optimizer.lr=0.001", "--model.depth=4", "--model.activation=gelu")
    assert [[a for a, b in zip(point, base, strict=True) if a != b] for point in points] == [
        ["--optimizer.lr=1e-05"],
        ["--model.depth=1"],
        ["--model.activation=relu"],
        ["--optimizer.lr=0.1"],
        ["--model.depth=8"],
    ]


def test_every_branch_of_conditional_parameters_is_tried_with_each_of_its_values() -> None:
    assert [p.id for p in walk_parameters([PARENT])] == ["parent", "child", "nested", "other"]
    base = " ".join(arguments_of(point_of([PARENT], base_value, {})))
    points = [" ".join(arguments_of(probe.point)) for probe in single_probes([PARENT], base_value)]

    assert base == "--parent=a --child=2 --nested=6 --other=x"
    assert sorted(points) == [
        "--parent=a --child=1 --other=x",
        "--parent=a --child=2 --nested=5 --other=x",
        "--parent=b --other=x",
        "--parent=c",
    ]


def test_random_points_are_the_same_in_each_check_and_have_the_active_parameters_only() -> None:
    points = [probe.point for probe in random_probes([PARENT])]

    assert points == [probe.point for probe in random_probes([PARENT])]
    assert len(points) == RANDOM_POINTS
    assert {point["parent"] for point in points} == {"a", "b", "c"}
    assert all(("child" in point) == (point["parent"] == "a") for point in points)
    assert all(("nested" in point) == (point.get("child") == 2) for point in points)


def test_a_parameter_left_out_is_only_in_points_that_choose_it() -> None:
    assert point_of(SPEC.parameters, base_value, {}, {"model.depth"}).keys() == {"optimizer.lr", "model.activation"}
    assert point_of(SPEC.parameters, base_value, {"model.depth": 3}, {"model.depth"})["model.depth"] == 3
