"""Which of a trial's reports are stored while its metric file shows only some of them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Goal, Measurement, MetricSpec, Trial, TrialState, dump_trial, parse_trial
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.measurements.history import RECORD_LIMIT, WHOLE_LIMIT, extended, judged_by, last_attempt

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
LOSS = MetricSpec("loss", Goal.MINIMIZE)
WINDOW = 100
"""The number of reports that cloudml-hypertune keeps in the file."""


def reports(values: Iterable[float], first_step: int = 1, seconds: float = 1.0) -> list[Measurement]:
    return [
        Measurement({"loss": value}, step, seconds * (step - first_step + 1))
        for step, value in enumerate(values, start=first_step)
    ]


def bare(values: Iterable[float]) -> list[Measurement]:
    """Reports of an app without steps and times."""
    return [Measurement({"loss": value}) for value in values]


def running(*attempts: Sequence[Measurement]) -> Trial:
    """A trial after attempts whose reports were all read."""
    trial = Trial("1", TrialState.REQUESTED, {"x": 1.0})
    for found in attempts:
        trial = extended(tuning_job_state.activate(trial, NOON), found, LOSS)
    return trial


def values(trial: Trial) -> list[float]:
    return [measurement.metrics["loss"] for measurement in trial.measurements]


def seen_by_looks(made: Sequence[Measurement], looks: Iterable[int], window: int = WINDOW) -> Trial:
    """A trial whose file keeps the last `window` reports, read after each number of reports in `looks`."""
    trial = running(())
    for count in looks:
        trial = extended(trial, made[max(0, count - window) : count], LOSS)
    return trial


@pytest.mark.parametrize("make", [reports, bare])
def test_a_curve_that_is_longer_than_its_file_is_recorded_completely(make: type[list[Measurement]]) -> None:
    made = make([1000.0 - n for n in range(450)])
    trial = seen_by_looks(made, range(0, 451, 30))
    assert trial.measurements == tuple(made)


@given(st.lists(st.sampled_from([1.0, 2.0]), max_size=40), st.data())
def test_equal_reports_without_step_and_time_are_all_recorded_while_the_file_has_them(
    given: list[float], data: st.DataObject
) -> None:
    looks = sorted(data.draw(st.lists(st.integers(0, len(given)), max_size=6)))
    trial = seen_by_looks(bare(given), [*looks, len(given)], window=1000)
    assert values(trial) == given


@given(st.integers(0, 400), st.lists(st.integers(0, 400), max_size=8), st.data())
def test_recorded_measurements_stay_in_their_order(count: int, looks: list[int], data: st.DataObject) -> None:
    made = reports(float(n) for n in range(count))
    trial = running(())
    for look in looks:
        start = data.draw(st.integers(0, count))
        later = extended(trial, made[start : start + look], LOSS)
        assert later.measurements[: len(trial.measurements)] == trial.measurements
        assert len(set(values(later))) == len(later.measurements)
        trial = later


@pytest.mark.parametrize("left", [[], [2], [1, 2], [4]])
def test_a_truncated_or_older_file_removes_no_measurement(left: list[int]) -> None:
    made = reports([5.0, 4.0, 3.0, 2.0])
    trial = running(made)
    found = [made[number - 1] for number in left]
    assert extended(trial, found, LOSS) == trial
    assert judged_by(trial, found, LOSS)[-1] == made[-1]


def test_reports_of_a_replaced_file_are_appended() -> None:
    trial = extended(running(reports([5.0, 4.0])), reports([3.0, 2.0], first_step=8), LOSS)
    assert values(trial) == [5.0, 4.0, 3.0, 2.0]


def test_a_metric_that_is_reported_later_is_added_to_the_measurement_of_its_step() -> None:
    (alone,) = reports([5.0])
    both = replace(alone, metrics={"loss": 5.0, "acc": 0.5})
    trial = extended(running([alone]), [both], LOSS)
    assert trial.measurements == (both,)
    assert extended(trial, [alone], LOSS).measurements == (both,)


def test_a_new_attempt_replaces_the_old_one_step_by_step() -> None:
    old, new = reports([9.0, 8.0, 7.0, 6.0]), reports([3.0, 2.0, 1.0], seconds=2.0)
    trial = running(old, new[:2])
    assert (values(trial), trial.earlier_measurements) == ([7.0, 6.0, 3.0, 2.0], 2)
    trial = extended(trial, new, LOSS)
    assert (values(trial), trial.earlier_measurements) == ([6.0, 3.0, 2.0, 1.0], 1)
    assert extended(trial, new, LOSS) == trial
    assert judged_by(trial, new, LOSS)[-1] == new[-1]
    assert last_attempt(trial) == tuple(new)
    assert parse_trial(dump_trial(trial)) == trial


def test_each_report_without_a_step_replaces_the_first_earlier_one() -> None:
    assert values(running(bare([9.0, 8.0, 7.0]), bare([1.0]))) == [8.0, 7.0, 1.0]
    assert values(running(bare([9.0, 8.0]), bare([9.0, 8.0]))) == [9.0, 8.0]


def test_an_attempt_that_continues_from_a_checkpoint_continues_the_curve() -> None:
    old, new = reports([9.0, 8.0, 7.0, 6.0]), reports([5.0, 4.0], first_step=3)
    trial = running(old, new)
    assert last_attempt(trial) == tuple(old[:2] + new) == trial.measurements


def test_an_attempt_without_reports_keeps_the_last_value_of_the_one_before() -> None:
    old = reports([9.0, 8.0])
    trial = running(old, ())
    assert trial.measurements == last_attempt(trial) == judged_by(trial, (), LOSS) == tuple(old)


def test_a_trial_that_is_lost_repeatedly_keeps_every_step_that_was_not_reported_again() -> None:
    chance = random.Random(1)  # noqa: S311 - not used for security
    trial = running()
    answered: dict[int, set[float]] = {}
    for attempt in range(20):
        trial = tuning_job_state.activate(tuning_job_state.postpone(trial), NOON)
        made = reports((chance.random() for _ in range(chance.randint(0, 9))), first_step=1, seconds=1.0 + attempt)
        for look in range(1, len(made) + 1):
            trial = extended(trial, made[:look], LOSS)
            superseded = answered.setdefault(made[look - 1].step_count, set())
            superseded.add(made[look - 1].metrics["loss"])
            assert {m.step_count for m in trial.measurements} == set(answered)
            assert len(trial.measurements) == len(answered)


@pytest.mark.parametrize("with_steps", [True, False])
def test_a_very_long_curve_is_thinned_and_keeps_its_shape(with_steps: bool) -> None:
    made = reports(100.0 if n % 7 else 1000.0 / (n + 1) for n in range(20_000))
    if not with_steps:
        made = [replace(measurement, step_count=0) for measurement in made]
    trial = seen_by_looks(made, range(0, len(made) + 1, WINDOW))
    assert trial.measurements[:WHOLE_LIMIT] == tuple(made[:WHOLE_LIMIT])
    assert WHOLE_LIMIT < len(trial.measurements) <= RECORD_LIMIT
    times = [measurement.elapsed_s or 0.0 for measurement in trial.measurements]
    assert times == sorted(set(times))
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert max(gaps) <= len(made) / 500 + 1
    judges = judged_by(trial, made[-WINDOW:], LOSS)
    assert judges[-1] == made[-1]
    assert min(m.metrics["loss"] for m in judges) == min(m.metrics["loss"] for m in made)


def test_no_curve_exceeds_the_limit_of_the_record() -> None:
    made = reports((-float(n) for n in range(200_000)), seconds=0.0)
    trial = seen_by_looks(made, range(0, len(made) + 1, 1000), window=1000)
    assert 4000 < len(trial.measurements) < RECORD_LIMIT
    leap = [replace(measurement, step_count=10 * measurement.step_count**2) for measurement in made[:9000]]
    trial = seen_by_looks(leap, range(0, len(leap) + 1, 1000), window=1000)
    assert len(trial.measurements) <= RECORD_LIMIT
