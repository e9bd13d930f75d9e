"""What a job has used, and the limits of it."""

from __future__ import annotations

import dataclasses
import http.server
import threading
from datetime import timedelta
from email.utils import formatdate
from typing import Any

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobState, Trial, TrialJobSpec, TrialState, WorkerPoolSpec
from hydra_vertex.launcher.cost.limits import SpendingLimits, parse_limits
from hydra_vertex.launcher.cost.prices import Prices, dump_prices, parse_prices
from hydra_vertex.launcher.cost.service_clock import ServiceClock
from hydra_vertex.launcher.cost.spent import trial_hours, usage
from hydra_vertex.protocol.errors import DocumentError
from launcher.jobs import START, make_job, make_trial

PRICES = parse_prices(["2 EUR"])
TWO_WORKERS = TrialJobSpec(worker_pools=(WorkerPoolSpec(replica_count=2),))


def ran(number: int, start_min: float, end_min: float | None, state: TrialState, **changes: Any) -> Trial:
    end = None if end_min is None else START + timedelta(minutes=end_min)
    times: dict[str, Any] = {"start_time": START + timedelta(minutes=start_min), "end_time": end}
    return make_trial(number, 0.5, state, **times, **changes)


def job_of(*trials: Trial, state: JobState = JobState.RUNNING, **changes: Any) -> HyperparameterTuningJob:
    return make_job(trials, state=state, trial_job_spec=TWO_WORKERS, **changes)


def test_running_trials_are_counted_up_to_now_and_waiting_ones_are_not() -> None:
    waiting = dataclasses.replace(make_trial(3, None, TrialState.REQUESTED), start_time=None)
    job = job_of(ran(1, 0, 30, TrialState.SUCCEEDED), ran(2, 30, None, TrialState.ACTIVE), waiting)
    found = usage(job, START + timedelta(minutes=60), PRICES)

    assert found.worker_hours == pytest.approx(2.0)
    assert found.cost == pytest.approx(4.0)


def test_a_time_before_the_start_of_a_trial_counts_as_nothing() -> None:
    job = job_of(ran(1, 30, None, TrialState.ACTIVE))

    assert trial_hours(job, START) == 0.0


def test_a_trial_without_an_end_in_an_ended_job_ends_with_the_job() -> None:
    job = job_of(ran(1, 0, None, TrialState.ACTIVE), state=JobState.CANCELLED, end_time=START + timedelta(minutes=15))

    assert trial_hours(job, START + timedelta(days=9)) == pytest.approx(0.25)


def test_what_early_stopping_saved_is_the_difference_to_the_median_of_the_complete_trials() -> None:
    stopped = {"stopping_reason": "worse than the median"}
    job = job_of(
        ran(1, 0, 30, TrialState.SUCCEEDED),
        ran(2, 0, 60, TrialState.SUCCEEDED),
        ran(3, 30, 45, TrialState.SUCCEEDED, **stopped),
        ran(4, 30, 130, TrialState.INFEASIBLE, **stopped),
    )
    found = usage(job, START, PRICES)

    assert found.saved_hours == pytest.approx(2 * (45 - 15) / 60)
    assert found.saved_cost == pytest.approx(2 * 2 * (45 - 15) / 60)


@pytest.mark.parametrize("trials", [(), (ran(1, 0, 30, TrialState.SUCCEEDED),)])
def test_nothing_is_saved_where_no_trial_was_stopped(trials: tuple[Trial, ...]) -> None:
    found = usage(job_of(*trials), START, Prices())

    assert (found.saved_hours, found.saved_cost, found.cost) == (None, None, None)


def test_a_limit_is_reached_when_it_is_spent() -> None:
    job = job_of(ran(1, 0, None, TrialState.ACTIVE))
    hours, cost = SpendingLimits(max_worker_hours=2.0), SpendingLimits(max_cost=4.0, prices=PRICES)

    for limits in (hours, cost):
        assert limits.reached(job, START + timedelta(minutes=59)) == ""
    assert "limit of 2 worker-hours (--max-worker-hours) is reached: 2.00 were" in hours.reached(
        job, START + timedelta(minutes=60)
    )
    assert "limit of 4.00 EUR (--max-cost) is reached: 4.00 EUR were" in cost.reached(
        job, START + timedelta(minutes=60)
    )


def test_earlier_jobs_of_the_study_count() -> None:
    earlier = job_of(ran(1, 0, 30, TrialState.SUCCEEDED), state=JobState.CANCELLED)
    job = job_of(ran(1, 60, None, TrialState.ACTIVE))

    assert SpendingLimits(max_worker_hours=2.0).reached(job, START + timedelta(minutes=90), [earlier])


@pytest.mark.parametrize(
    ("state", "end_min", "expected"),
    [
        (JobState.CANCELLED, 60.0, True),
        (JobState.CANCELLED, 59.95, True),
        (JobState.CANCELLED, 50.0, False),
        (JobState.SUCCEEDED, 60.0, False),
        (JobState.FAILED, 60.0, False),
        (JobState.EXPIRED, 60.0, False),
    ],
)
def test_only_a_job_that_was_cancelled_at_its_limit_was_ended_by_it(
    state: JobState, end_min: float, expected: bool
) -> None:
    end = START + timedelta(minutes=end_min)
    job = job_of(ran(1, 0, end_min, TrialState.INFEASIBLE), state=state, end_time=end)

    assert bool(SpendingLimits(max_worker_hours=2.0).ended(job)) is expected


def test_limits_survive_the_parameters_of_a_pipeline() -> None:
    limits = SpendingLimits(12.5, 3.0, PRICES)
    given = limits.pipeline_arguments()

    assert parse_limits(given["max_cost"], given["max_worker_hours"], given["hourly_prices"]) == limits
    assert SpendingLimits().pipeline_arguments() == {}
    assert not parse_limits("", "", dump_prices(PRICES))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("x", "", ""), "max_cost: expected a number above 0"),
        (("", "0", ""), "max_worker_hours: expected"),
        (("", "inf", ""), "max_worker_hours: expected"),
        (("5", "", ""), "max_cost: needs hourly_prices"),
    ],
)
def test_parameters_that_are_no_limits_are_refused(given: tuple[str, str, str], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse_limits(*given)


class _Dated(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response_only(401)
        self.send_header("Date", formatdate(self.server.time_s, usegmt=True))  # type: ignore[attr-defined]
        self.end_headers()


def test_the_clock_is_that_of_the_service_also_when_it_refuses_the_request() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Dated) as server:
        server.time_s = 2_000_000_000.0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        local = iter([1_000.0] * 4 + [1_010.0])
        clock = ServiceClock(f"http://127.0.0.1:{server.server_port}", lambda: next(local))
        first, second = clock.now(), clock.now()
        server.shutdown()
        thread.join()

    assert first.timestamp() == 2_000_000_000.0
    assert (second - first) == timedelta(seconds=10)


def test_the_clock_of_a_service_that_does_not_answer_is_this_machines() -> None:
    assert ServiceClock("http://127.0.0.1:9", lambda: 1_000.0).now().timestamp() == 1_000.0
