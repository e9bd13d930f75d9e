from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Measurement
from hydra_vertex.launcher.report.curve_data import curves_of, points_per_curve, thinned
from launcher.jobs import METRIC, make_job, make_trial

points = st.lists(
    st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6)), min_size=1, max_size=300, unique_by=lambda p: p[0]
)


@given(points, st.integers(4, 60))
def test_a_thinned_curve_keeps_its_ends_and_its_extremes(given: list[tuple[float, float]], most: int) -> None:
    curve = sorted(given)
    kept = thinned(curve, most)

    assert len(kept) <= max(most, 2)
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (curve[0], curve[-1])
    assert {min(y for _, y in curve), max(y for _, y in curve)} == {min(y for _, y in kept), max(y for _, y in kept)}


def test_the_points_of_all_curves_are_limited() -> None:
    assert [points_per_curve(count) for count in (1, 40, 100, 1000)] == [400, 200, 80, 16]


def test_a_curve_has_rounded_values_and_one_point_is_no_curve() -> None:
    curve = tuple(Measurement({METRIC: 1 / step}, step) for step in (1, 2, 3))
    job = make_job([make_trial(1, 1.0, measurements=curve), make_trial(2, 1.0, measurements=curve[:1])])

    assert curves_of(job) == {"1": {"curves": {"0": [[1, 2, 3], [1, 0.5, 0.333333]]}}}
