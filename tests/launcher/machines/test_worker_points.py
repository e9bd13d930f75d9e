"""The points of a worker keep their mean, their order and their number."""

from __future__ import annotations

import itertools
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.launcher.machines.cloud_series import CPU, MEMORY, Series
from hydra_vertex.launcher.machines.worker_points import WorkerPoints
from launcher.jobs import START

MOST = 8


def series(metric: str, values: dict[int, float]) -> Series:
    return Series("1", "w", metric, {START + timedelta(minutes=minute): value for minute, value in values.items()})


@given(
    st.dictionaries(st.integers(1, 400), st.floats(0, 1), min_size=1, max_size=60),
    st.lists(st.integers(1, 400), max_size=4),
)
def test_points_that_come_in_parts_are_few_in_order_and_have_the_mean_of_all(
    values: dict[int, float], cuts: list[int]
) -> None:
    points = WorkerPoints("1", "w", MOST)
    bounds = [0, *sorted(cuts), 400]
    for begin, end in itertools.pairwise(bounds):
        part = {minute: value for minute, value in values.items() if begin < minute <= end}
        points.add(series(CPU, part), 60)
        points.add(series(CPU, dict.fromkeys(part, 9.0)), 60)  # what is known is left out
    (found,) = points.series()
    assert len(found.values) <= MOST
    assert list(found.values) == sorted(found.values)
    assert max(found.values) == START + timedelta(minutes=max(values))
    assert min(values.values()) <= min(found.values.values()) + 1e-9
    assert max(values.values()) >= max(found.values.values()) - 1e-9


def test_each_point_counts_with_the_time_that_it_stands_for() -> None:
    points = WorkerPoints("1", "w", 1)
    points.add(series(CPU, {3: 0.0}), 180)
    points.add(series(CPU, {4: 1.0}), 60)
    (found,) = points.series()
    assert list(found.values.values()) == [0.25]


def test_the_series_of_a_worker_have_the_same_times_also_when_one_has_fewer_points() -> None:
    points = WorkerPoints("1", "w", MOST)
    points.add(series(CPU, dict.fromkeys(range(1, 101), 0.5)), 60)
    points.add(series(MEMORY, dict.fromkeys(range(50, 90), 0.5)), 60)
    cpu, memory = points.series()
    assert set(memory.values) <= set(cpu.values)


def test_the_newest_time_of_a_metric_is_that_of_its_series_that_is_behind() -> None:
    points = WorkerPoints("1", "w")
    assert points.newest(CPU) is None
    points.add(series(CPU, {5: 0.1}), 60)
    late = Series("1", "w", CPU, {START + timedelta(minutes=3): 0.1}, (("gpu", "1"),))
    points.add(late, 60)
    assert points.newest(CPU) == START + timedelta(minutes=3)
    assert points.newest(MEMORY) is None
