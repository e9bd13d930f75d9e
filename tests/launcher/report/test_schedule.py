from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import JobState, Trial, TrialState
from hydra_vertex.launcher.report.schedule import (
    Status,
    clock_of,
    intervals,
    pack_lanes,
    paused_s,
    serial_s,
    status_of,
    wall_s,
)
from launcher.jobs import START, make_job, make_trial

spans = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30)), max_size=20)


@given(spans)
def test_each_trial_is_in_one_of_the_fewest_possible_lanes_without_overlap(given: list[tuple[int, int]]) -> None:
    trials = [
        make_trial(
            n,
            1.0,
            start_time=START + timedelta(seconds=start),
            end_time=START + timedelta(seconds=start + length),
        )
        for n, (start, length) in enumerate(given, 1)
    ]
    found = intervals(make_job(trials))
    lanes = pack_lanes(found)

    assert sorted(i.trial.id for lane in lanes for i in lane) == sorted(t.id for t in trials)
    assert all(a.end <= b.start for lane in lanes for a, b in pairwise(lane))
    moments = [i.start for i in found]
    busiest = max((sum(i.start <= m < i.end or (i.start == m == i.end) for i in found) for m in moments), default=0)
    assert len(lanes) <= max(busiest, bool(trials))


def test_wall_and_serial_time_of_two_overlapping_trials() -> None:
    trials = [
        make_trial(1, 1.0, start_time=START, end_time=START + timedelta(seconds=10)),
        make_trial(2, 1.0, start_time=START + timedelta(seconds=5), end_time=START + timedelta(seconds=20)),
    ]
    found = intervals(make_job(trials))

    assert (wall_s(found), serial_s(found)) == (20.0, 25.0)
    assert (wall_s([]), serial_s([])) == (0.0, 0)


def test_a_trial_that_was_active_at_the_end_of_its_job_is_cancelled() -> None:
    active = make_trial(1, None, TrialState.ACTIVE)
    asked = make_trial(2, None, TrialState.REQUESTED)

    assert status_of(active, make_job(state=JobState.CANCELLED)) is Status.CANCELLED
    assert status_of(active, make_job(state=JobState.RUNNING)) is Status.RUNNING
    assert status_of(asked, make_job(state=JobState.RUNNING)) is Status.WAITING
    assert status_of(make_trial(3, 1.0), make_job()) is Status.SUCCEEDED


def test_a_running_trial_extends_to_the_latest_known_time() -> None:
    running = make_trial(1, None, TrialState.ACTIVE, start_time=START)
    done = make_trial(2, 1.0, start_time=START, end_time=START + timedelta(seconds=7))

    assert [i.duration_s for i in intervals(make_job([running, done], state=JobState.RUNNING))] == [7.0, 7.0]


def spanning(*seconds: tuple[float, float]) -> list[Trial]:
    return [
        make_trial(n, 1.0, start_time=START + timedelta(seconds=start), end_time=START + timedelta(seconds=end))
        for n, (start, end) in enumerate(seconds, 1)
    ]


def test_a_time_without_a_trial_is_a_pause_and_is_not_counted() -> None:
    found = intervals(make_job(spanning((0, 10), (0, 12), (62, 72), (63, 75))))

    assert (paused_s(found), wall_s(found), serial_s(found)) == (50.0, 25.0, 44.0)
    clock = clock_of(found)
    assert [clock.at(START + timedelta(seconds=s)) for s in (5, 12, 40, 62, 70)] == [5.0, 12.0, 12.0, 12.0, 20.0]


@pytest.mark.parametrize(
    ("spans", "paused"),
    [
        ([(0, 10), (12, 20), (23, 30)], 0.0),
        ([(0, 600), (630, 1200), (1232, 1800), (1830, 2400)], 0.0),
        ([(0, 600), (630, 1200), (3000, 3600), (3630, 4200)], 1800.0),
        ([(0, 10)], 0.0),
        ([], 0.0),
        ([(0, 100), (5, 10), (150, 160)], 50.0),
    ],
    ids=["short waits", "regular waits of one slot", "a pause among regular waits", "one", "none", "inside another"],
)
def test_the_usual_wait_between_two_trials_is_no_pause(spans: list[tuple[float, float]], paused: float) -> None:
    assert paused_s(intervals(make_job(spanning(*spans)))) == paused


def test_a_stopped_trial_with_a_value_is_not_said_to_have_succeeded() -> None:
    assert status_of(make_trial(1, 1.0, stopping_reason="worse"), make_job()) is Status.STOPPED
    failed = make_trial(2, None, TrialState.INFEASIBLE, stopping_reason="worse")
    assert status_of(failed, make_job()) is Status.INFEASIBLE
