"""Axes and points: values inside their ranges, round trips, and which parameters are active."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    DoubleRange,
    Goal,
    IntegerRange,
    MetricSpec,
    ParameterSpec,
    ScaleType,
    StudySpec,
)
from hydra_vertex.service.space.axes import ChoiceAxis, IntAxis, axis_of
from hydra_vertex.service.space.grid import Grid
from hydra_vertex.service.space.search_space import default_point, key_of, point_at, point_of, space_of, values_at
from hydra_vertex.service.validation.search_space import validate_space
from service.optimizer.test_optimizer import BATCH, EVERY_KIND, MODEL, MOMENTUM, OPTIMIZER, is_inside


def test_a_reverse_log_scale_has_its_finest_resolution_near_the_upper_end() -> None:
    axis = axis_of(MOMENTUM)
    values = [float(axis.value(axis.at(unit))) for unit in (0.0, 0.5, 0.999999)]
    assert values == pytest.approx([0.999, 0.7922, 0.5], abs=1e-4)


@given(st.sampled_from(EVERY_KIND), st.floats(0, 1, exclude_max=True))
def test_a_value_is_the_same_after_a_round_trip_through_its_coordinate(spec: ParameterSpec, unit: float) -> None:
    space = space_of([spec])
    values = values_at(space, point_at(space, [unit]))
    assert is_inside(spec, values[spec.id])
    again = values_at(space, point_of(space, values))[spec.id]
    assert again == (values[spec.id] if isinstance(again, str) else pytest.approx(values[spec.id], rel=1e-12))


@given(
    st.floats(1e-300, 1e300),
    st.floats(1e-300, 1e300),
    st.sampled_from(list(ScaleType)),
    st.floats(0, 1, exclude_max=True),
)
def test_rounding_never_leaves_the_range_of_a_double(one: float, other: float, scale: ScaleType, unit: float) -> None:
    spec = ParameterSpec("x", DoubleRange(min(one, other), max(one, other)), scale)
    axis = axis_of(spec)
    assert is_inside(spec, axis.value(axis.at(unit)))


INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, INT64, st.sampled_from(list(ScaleType)), st.floats(0, 1))
def test_rounding_never_leaves_the_range_of_an_integer(one: int, other: int, scale: ScaleType, unit: float) -> None:
    low, high = min(one, other), max(one, other)
    spec = ParameterSpec("n", IntegerRange(low, high), ScaleType.LINEAR if low <= 0 else scale)
    axis = axis_of(spec)
    value = float(axis.value(axis.at(unit)))
    assert low <= value <= high or high - low < 2048
    assert 0 <= axis.unit(axis.coordinate(value)) <= 1


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.sampled_from(list(ScaleType)), st.floats(0, 1))
def test_an_integer_is_the_same_after_a_round_trip_through_its_fraction(
    low: int, more: int, scale: ScaleType, unit: float
) -> None:
    axis = axis_of(ParameterSpec("n", IntegerRange(low, low + more), scale))
    assert isinstance(axis, IntAxis)
    coordinate = axis.at(unit)
    assert axis.at(axis.unit(coordinate)) == coordinate


@pytest.mark.parametrize(
    ("scale", "units"),
    [
        (None, [0.125, 0.375, 0.625, 0.875]),
        (ScaleType.LINEAR, [0.0, 1 / 7, 3 / 7, 1.0]),
        (ScaleType.LOG, [0.0, 1 / 3, 2 / 3, 1.0]),
        (ScaleType.REVERSE_LOG, [0.0, 0.0642, 0.2260, 1.0]),
    ],
)
def test_discrete_values_are_placed_by_their_scale_and_without_one_by_their_index(
    scale: ScaleType | None, units: list[float]
) -> None:
    axis = axis_of(ParameterSpec("batch", Discrete((16.0, 32.0, 64.0, 128.0)), scale))
    assert isinstance(axis, ChoiceAxis)
    assert [axis.unit(index) for index in range(4)] == pytest.approx(units, abs=1e-4)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4))
def test_a_point_of_a_conditional_space_is_the_same_after_a_round_trip_through_its_values(units: list[float]) -> None:
    space = space_of([MODEL])
    point = point_at(space, units)
    assert key_of(point_of(space, values_at(space, point))) == key_of(point)


def test_a_grid_has_each_point_of_a_conditional_space_once_and_in_order() -> None:
    grid = Grid(space_of([OPTIMIZER, ParameterSpec("model", MODEL.domain, children=MODEL.children[:1])]))
    points = [grid.point(index) for index in range(grid.size)]
    assert grid.size == 2 * (1 + 1 + 3 + 3)
    assert len({key_of(point) for point in points}) == grid.size
    assert points[0] == {"optimizer": 0, "model": 0}
    assert points[2] == {"optimizer": 0, "model": 1, "layers": 2, "batch": 0}
    assert points[3] == {"optimizer": 0, "model": 1, "layers": 2, "batch": 1}


def test_a_grid_with_a_wide_conditional_parent_is_not_enumerated() -> None:
    wide = ParameterSpec("n", IntegerRange(1, 10**15), children=(ConditionalParameter((7.0,), BATCH),))
    grid = Grid(space_of([wide]))
    assert grid.size == 10**15 + 2
    assert [grid.point(index) for index in (5, 6, 8, 9)] == [
        {"n": 6},
        {"n": 7, "batch": 0},
        {"n": 7, "batch": 2},
        {"n": 8},
    ]


def test_a_space_with_a_double_has_no_grid() -> None:
    with pytest.raises(ValueError, match="'x' is a double"):
        Grid(space_of([ParameterSpec("x", DoubleRange(0.0, 1.0))]))


def test_a_parameter_whose_parent_is_inactive_is_inactive() -> None:
    inner = ParameterSpec("b", Categorical(("u", "v")), children=(ConditionalParameter(("u",), BATCH),))
    space = space_of([ParameterSpec("a", Categorical(("x", "y")), children=(ConditionalParameter(("y",), inner),))])
    assert point_at(space, [0.0, 0.0, 0.0]) == {"a": 0}
    assert point_at(space, [0.9, 0.9, 0.0]) == {"a": 1, "b": 1}
    assert point_at(space, [0.9, 0.0, 0.0]) == {"a": 1, "b": 0, "batch": 0}


def test_a_discrete_default_and_a_condition_mean_the_nearest_listed_value() -> None:
    child = ConditionalParameter((0.1 + 0.2,), ParameterSpec("below", DoubleRange(0.0, 1.0)))
    study = StudySpec(
        metrics=(MetricSpec("loss", Goal.MINIMIZE),),
        parameters=(ParameterSpec("rate", Discrete((0.1, 0.3, 0.5), default=0.27), children=(child,)),),
    )
    validate_space(study)
    space = space_of(study.parameters)
    assert values_at(space, default_point(space)) == {"rate": 0.3, "below": 0.5}
