"""The estimate agrees with a simulation second by second, and its bounds are bounds."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import MedianStopping, StudyStopping, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.job.stopping_spec import TimeConstraint
from hydra_vertex.launcher.cost.durations import DurationRange
from hydra_vertex.launcher.cost.estimate import HOUR_S, Workload, estimate, makespan_s
from hydra_vertex.launcher.cost.prices import parse_prices
from hydra_vertex.launcher.cost.workload import DEFAULT_TIMEOUT_S, estimate_lines, workload
from launcher.jobs import SPEC

DURATIONS = st.lists(st.integers(1, 12), min_size=1, max_size=12)
SLOTS = st.integers(1, 6)


def simulated(durations: list[int], slots: int, latest_start: int | None) -> tuple[int, int]:
    """Run the trials second by second: every free slot takes the next trial."""
    waiting, running, second, end, started = list(durations), list[int](), 0, 0, 0
    while waiting or running:
        running = [left - 1 for left in running if left > 1]
        while waiting and len(running) < slots:
            if latest_start is not None and second >= latest_start:
                waiting = []
                break
            running.append(waiting.pop(0))
            started += 1
        end = max([end, *(second + left for left in running)])
        second += 1
    return end, started


@given(DURATIONS, SLOTS, st.none() | st.integers(1, 30))
def test_the_makespan_is_that_of_a_simulation(durations: list[int], slots: int, latest_start: int | None) -> None:
    assert makespan_s(durations, slots, latest_start) == simulated(durations, slots, latest_start)


@given(st.integers(1, 40), SLOTS, st.integers(1, 100))
def test_trials_of_one_duration_take_as_many_rounds_as_the_slots_need(trials: int, slots: int, duration: int) -> None:
    assert makespan_s([duration] * trials, slots) == (-(-trials // slots) * duration, trials)


@given(st.data(), SLOTS, st.integers(0, 5), st.integers(1, 3), st.booleans())
def test_every_study_within_the_range_is_between_the_minimum_and_the_maximum(
    data: st.DataObject, slots: int, provisioning: int, runs: int, stops_early: bool
) -> None:
    low, high = sorted((data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))))
    trials = data.draw(st.integers(1, 10))
    run = st.integers(low, high * runs)
    durations = [data.draw(run) for _ in range(trials)]
    if stops_early:
        durations[slots:] = [data.draw(st.integers(0, high * runs)) for _ in durations[slots:]]
    found = estimate(
        Workload(
            trials,
            slots,
            DurationRange(low, high),
            workers=2,
            hourly_rate=3.0,
            provisioning_s=provisioning,
            most_runs=runs,
            stops_early=stops_early,
        )
    )
    wall, _ = makespan_s([provisioning + duration for duration in durations], slots)
    unpaid = sum(durations) / HOUR_S
    paid = unpaid + trials * provisioning / HOUR_S

    assert found.minimum.wall_s <= wall <= found.maximum.wall_s
    assert found.minimum.worker_hours <= 2 * unpaid + 1e-9
    assert 2 * paid <= found.maximum.worker_hours + 1e-9
    assert found.minimum.cost == pytest.approx(found.minimum.worker_hours / 2 * 3)
    assert found.maximum.cost == pytest.approx(found.maximum.worker_hours / 2 * 3)
    if runs == 1 and not stops_early:
        assert found.minimum.wall_s <= found.expected.wall_s <= found.maximum.wall_s


SPEC_OF_TWO_POOLS = TrialJobSpec(
    worker_pools=(
        WorkerPoolSpec(machine={"machineType": "g2-standard-8"}),
        WorkerPoolSpec(machine={"machineType": "n1-standard-4"}, replica_count=3),
    )
)
PRICES = parse_prices(["g2-standard-8=0.85 EUR", "n1-standard-4=0.2"])
RANGE = DurationRange(1800, 3600)


def work(spec: TrialJobSpec = SPEC_OF_TWO_POOLS, *, is_local: bool = False, **changes: object) -> Workload:
    study = dataclasses.replace(SPEC, **changes)  # type: ignore[arg-type] # fields of a StudySpec
    return workload(
        study, spec, trials=10, slots=4, duration=RANGE, provisioning_s=300, prices=PRICES, is_local=is_local
    )


def test_the_replicas_of_all_pools_count() -> None:
    found = estimate(work())

    assert work().hourly_rate == pytest.approx(0.85 + 3 * 0.2)
    assert found.minimum.worker_hours == pytest.approx(10 * 0.5 * 4)
    assert found.minimum.cost == pytest.approx(10 * 0.5 * 1.45)
    assert found.expected.wall_s == 3 * (2700 + 300)
    assert found.expected.cost == pytest.approx(10 * 3000 / 3600 * 1.45)


@pytest.mark.parametrize(
    ("scheduling", "timeout_s", "longest_s"),
    [
        ({}, None, 24 * 3600.0),
        ({"disableRetries": True}, None, 6 * 3600.0),
        ({"disableRetries": False}, None, 24 * 3600.0),
        ({}, 7200.0, 7200.0),
        ({}, 1200.0, 1200.0),
    ],
)
def test_the_maximum_is_the_timeout_and_without_one_every_restart(
    scheduling: dict[str, bool], timeout_s: float | None, longest_s: float
) -> None:
    spec = dataclasses.replace(SPEC_OF_TWO_POOLS, scheduling=scheduling, timeout_s=timeout_s)
    found = estimate(work(spec))

    assert found.maximum.wall_s == 3 * (longest_s + 300)
    assert found.expected.wall_s == 3 * (min(2700, timeout_s or 2700) + 300)


def test_the_maximum_without_a_timeout_is_at_most_the_default_of_the_service() -> None:
    long = dataclasses.replace(work(), duration=DurationRange(3600, 3 * 86400))

    assert estimate(long).maximum.wall_s == 3 * (DEFAULT_TIMEOUT_S + 300)


def test_trials_on_this_machine_are_not_repeated() -> None:
    spec = TrialJobSpec(worker_pools=())
    local = workload(
        SPEC, spec, trials=4, slots=2, duration=RANGE, provisioning_s=0, prices=parse_prices(["1"]), is_local=True
    )

    assert estimate(local).maximum.wall_s == 2 * 3600
    assert (local.workers, local.hourly_rate) == (1, 1.0)


def test_early_stopping_lowers_the_minimum_and_nothing_else() -> None:
    usual, stopped = estimate(work()), estimate(work(automated_stopping=MedianStopping()))

    assert stopped.minimum.worker_hours == pytest.approx(4 * 0.5 * 4)
    assert stopped.minimum.wall_s == 1800 + 300 + 2 * 300
    assert (stopped.expected, stopped.maximum) == (usual.expected, usual.maximum)


def test_the_limits_of_a_study_count() -> None:
    few = estimate(work(study_stopping=StudyStopping(max_num_trials=4)))
    short = estimate(work(study_stopping=StudyStopping(maximum_runtime=TimeConstraint(max_duration_s=3000.0))))

    assert few.expected.wall_s == 2700 + 300
    assert short.expected.wall_s == 2700 + 300
    assert short.expected.worker_hours == pytest.approx(4 * 4 * 3000 / 3600)


def test_the_lines_have_the_three_amounts_and_the_assumptions() -> None:
    lines = list(estimate_lines(work(), estimate(work()), PRICES))

    assert lines[0] == "minimum: 1:45:00 wall-clock, 20.00 worker-hours, 7.25 EUR"
    assert [line.partition(":")[0] for line in lines[:3]] == ["minimum", "expected", "maximum"]
    assert "10 trials of 30:00 to 1:00:00, 4 at once with 4 workers each, 5:00 of provisioning" in lines[3]
    assert "runs 24 times, which a --trial-timeout limits" in lines[3]


def test_repeats_follow_the_study_without_its_limits() -> None:
    stopped = dataclasses.replace(work(), stops_early=True, most_trials=2, latest_start_s=1.0)

    found, alone = estimate(dataclasses.replace(stopped, repeats=6)), estimate(stopped)

    shortest = estimate(dataclasses.replace(work(), trials=6))
    assert found.minimum.worker_hours == pytest.approx(alone.minimum.worker_hours + shortest.minimum.worker_hours)
    assert found.expected.wall_s == alone.expected.wall_s + 2 * (2700 + 300)
    assert found.maximum.cost == pytest.approx((alone.maximum.cost or 0) + (shortest.maximum.cost or 0))
    with_repeats = dataclasses.replace(work(), repeats=6)
    assert (
        "10 trials of 30:00 to 1:00:00, then 6 repeats"
        in list(estimate_lines(with_repeats, estimate(with_repeats), PRICES))[-1]
    )
