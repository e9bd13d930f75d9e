"""Which questions a watched study on Vertex AI asks Cloud Monitoring, round by round, and what its curves become."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.machines.cloud_history import LATEST, CloudHistory
from hydra_vertex.launcher.machines.cloud_series import CPU, GPU, LATE, METRICS, POINTS, series_of
from hydra_vertex.launcher.machines.cloud_session import ENDPOINT_VARIABLE, session_of
from hydra_vertex.launcher.machines.from_service import machines_of
from hydra_vertex.launcher.machines.time_series import MonitoringClient
from launcher.jobs import START
from launcher.machines.fake_monitoring import Monitoring, monitoring
from launcher.machines.test_cloud_monitoring import stored, study

SECONDS = timedelta(seconds=17)
"""A study does not begin, and is not asked about, at whole minutes."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitoring]:
    with monitoring() as state:
        monkeypatch.setenv(ENDPOINT_VARIABLE, state.url)
        yield state


def running(job: HyperparameterTuningJob, *ids: str) -> HyperparameterTuningJob:
    """Return the job in which these trials have no end."""
    trials = (dataclasses.replace(trial, end_time=None) if trial.id in ids else trial for trial in job.trials)
    return dataclasses.replace(job, trials=tuple(trials))


def ask(history: CloudHistory, job: HyperparameterTuningJob, server: Monitoring, now: datetime) -> list[dict[str, str]]:
    """Ask everything that is due at a time. Return the requests."""
    before = len(server.requests)
    session, endpoint = session_of({ENDPOINT_VARIABLE: server.url})
    client = MonitoringClient(session, endpoint)
    for step in history.steps(job, now):
        for asked in step.queries:
            for answer in client.series(asked.query):
                series = series_of(job, answer)
                assert series is not None
                history.add(step, series, asked.period_s)
        history.finish(step)
    session.close()
    return server.requests[before:]


def begins(requests: list[dict[str, str]], metric: str) -> list[float]:
    """Return the minutes after the start from which a metric is asked for."""
    times = [one["interval.startTime"] for one in requests if metric in one["filter"]]
    return [(datetime.fromisoformat(time.replace("Z", "+00:00")) - START).total_seconds() / 60 for time in times]


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_a_round_asks_for_each_metric_once_and_only_since_shortly_before_its_last_point(server: Monitoring) -> None:
    history, job = CloudHistory("p"), running(study(), "1", "2")
    server.series = [stored(CPU, trial, 0.5, minutes=13) for trial in (1, 2)]
    assert len(ask(history, job, server, at(13) + SECONDS)) == len(METRICS)
    server.series = [stored(CPU, trial, 0.25, minutes=16) for trial in (1, 2)]
    asked = ask(history, job, server, at(16) + SECONDS)
    assert begins(asked, CPU) == [13 - LATE.total_seconds() / 60]
    assert begins(asked, GPU) == [0.0]  # it has no point yet
    (curve,) = history.curves(job)["1"]
    assert curve.time_s == tuple(60.0 * minute for minute in range(1, 17))
    assert curve.cpu == (4.0,) * 13 + (2.0,) * 3


def test_a_metric_that_no_trial_has_is_not_asked_for_from_the_start_for_ever(server: Monitoring) -> None:
    history, job = CloudHistory("p"), running(study(), "1")
    ask(history, job, server, at(120))
    asked = ask(history, job, server, at(121))
    assert begins(asked, GPU) == [120 - LATEST.total_seconds() / 60]


def test_a_trial_that_has_ended_is_asked_for_until_its_last_points_must_have_appeared(server: Monitoring) -> None:
    history, job = CloudHistory("p"), study(count=1, minutes=2)
    server.series = [stored(CPU, 1, 0.5, minutes=1)]
    assert ask(history, job, server, at(3))
    assert ask(history, job, server, at(6))
    server.series = [stored(CPU, 1, 0.5, minutes=2)]
    assert ask(history, job, server, at(9))
    assert ask(history, job, server, at(10)) == []
    assert history.curves(job)["1"][0].time_s == (60.0, 120.0)


def test_the_trials_that_run_come_first_and_those_of_later_rounds_are_only_these() -> None:
    history, job = CloudHistory("p"), running(study(120), "100", "120")
    first = list(history.steps(job, at(60)))
    assert [len(step.until) for step in first] == [49, 49, 22]
    assert list(first[0].until)[:2] == ["100", "120"]
    for step in first:
        history.finish(step)
        assert all(len(asked.query.parameters["filter"]) < 2048 for asked in step.queries)
    assert [set(step.until) for step in history.steps(job, at(61))] == [{"100", "120"}]


def test_a_step_that_failed_is_asked_again(server: Monitoring) -> None:
    history, job = CloudHistory("p"), study()
    assert list(history.steps(job, at(30))) == list(history.steps(job, at(30)))
    ask(history, job, server, at(30))
    assert list(history.steps(job, at(31))) == []


def test_a_worker_that_is_behind_the_others_loses_no_points(server: Monitoring) -> None:
    history, job = CloudHistory("p"), running(study(count=1), "1")
    server.series = [stored(CPU, 1, 0.5, minutes=40), stored(CPU, 1, 0.5, minutes=20, task_name="workerpool0-1")]
    ask(history, job, server, at(40))
    server.series = [stored(CPU, 1, 0.5, minutes=50), stored(CPU, 1, 0.5, minutes=50, task_name="workerpool0-1")]
    ask(history, job, server, at(50))
    assert [len(curve.time_s) for curve in history.curves(job)["1"]] == [50, 50]


@pytest.mark.parametrize("late_min", [0, 1, 4])
@pytest.mark.parametrize("every_min", [1, 3])
def test_the_curves_of_many_rounds_are_those_of_one_report(server: Monitoring, late_min: int, every_min: int) -> None:
    history, whole = CloudHistory("p"), study(count=2, minutes=20)
    alive = running(whole, "1", "2")

    def has_until(minutes: int) -> None:
        server.series = [
            *(stored(CPU, trial, 0.1 * trial, minutes=minutes) for trial in (1, 2)),
            *(stored(GPU, 1, share, minutes=minutes, gpu=str(share)) for share in (0.2, 0.4)),
            stored(GPU, 2, 0.6, minutes=minutes),
            stored(GPU, 2, 0.8, minutes=max(0, minutes - 1), task_name="workerpool0-1"),
        ]

    for now in range(every_min, 28, every_min):
        has_until(min(20, max(0, now - late_min)))
        ask(history, alive if now < 20 else whole, server, at(now) + SECONDS)
    has_until(20)
    assert history.curves(whole) == machines_of(whole).use


def test_a_long_trial_has_few_points_with_the_same_mean(server: Monitoring) -> None:
    history, job = CloudHistory("p"), running(study(count=1), "1")
    server.series = [stored(CPU, 1, 0.5, minutes=700)]
    for now in (300, 301, 500, 700):
        ask(history, job, server, at(now))
    (curve,) = history.curves(job)["1"]
    assert POINTS / 4 <= len(curve.time_s) <= POINTS
    assert set(curve.cpu) == {4.0}
    assert curve.time_s[-1] == 700 * 60


def test_a_series_of_the_tuning_job_is_that_of_the_trial_that_its_label_names(server: Monitoring) -> None:
    """Questions about two parts of the trials begin at two times; each is answered with the series of all trials."""
    whole = study(60)
    late = [dataclasses.replace(one, start_time=at(5), end_time=None) for one in whole.trials[:49]]
    job = dataclasses.replace(whole, trials=(*late, *whole.trials[49:]))
    server.series = [
        dataclasses.replace(stored(CPU, 1, 0.5, job_id="77"), metric_labels={"trial_id": trial})
        for trial in ("1", "60")
    ]
    history = CloudHistory("p")
    ask(history, job, server, at(10))
    assert {trial: len(curves[0].cpu) for trial, curves in history.curves(job).items()} == {"1": 5, "60": 10}


def test_trials_without_a_start_are_not_asked_for() -> None:
    job = study()
    waiting = dataclasses.replace(job, trials=tuple(dataclasses.replace(one, start_time=None) for one in job.trials))
    assert list(CloudHistory("p").steps(waiting, at(5))) == []
    assert list(CloudHistory("p").steps(job, START)) == []
