"""The live page's curves of a study on Vertex AI: asked for seldom, in a thread, and never an error of the page."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest

from hydra_vertex.job import HyperparameterTuningJob, TrialState
from hydra_vertex.launcher.machines import StudyMachines, cloud_poll
from hydra_vertex.launcher.machines.cloud_poll import NO_POINTS, NOT_YET, CloudPoll
from hydra_vertex.launcher.machines.cloud_series import CPU, METRICS
from hydra_vertex.launcher.machines.cloud_session import ENDPOINT_VARIABLE
from launcher.machines.fake_monitoring import Monitoring, Stored, monitoring
from launcher.machines.test_cloud_monitoring import study
from service.harness import wait_until

BEGIN = datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(minutes=10)


def running(count: int = 2) -> HyperparameterTuningJob:
    """Return a study whose trials have run for ten minutes."""
    job = study(count)
    trials = [
        dataclasses.replace(trial, state=TrialState.ACTIVE, start_time=BEGIN, end_time=None) for trial in job.trials
    ]
    return dataclasses.replace(job, trials=tuple(trials))


def points(trial: int, minutes: int = 9) -> Stored:
    values = {BEGIN + timedelta(minutes=minute): 0.5 for minute in range(1, minutes + 1)}
    return Stored(CPU, {"job_id": f"90{trial}", "task_name": "workerpool0-0"}, values)


@pytest.fixture
def server() -> Iterator[Monitoring]:
    with monitoring() as state:
        yield state


def poll_of(url: str, interval_s: float = 60.0) -> CloudPoll:
    return CloudPoll("p", {ENDPOINT_VARIABLE: url}, interval_s)


def after_rounds(poll: CloudPoll, job: HyperparameterTuningJob, beginning: str) -> StudyMachines:
    """Return the machines as soon as the sentence about them begins so."""
    wait_until(lambda: poll.machines(job).missing.startswith(beginning))
    return poll.machines(job)


def test_a_page_that_is_drawn_often_asks_once_a_minute(server: Monitoring) -> None:
    server.series = [points(1), points(2)]
    with closing(poll_of(server.url)) as poll:
        assert poll.machines(running()) == StudyMachines(missing=NOT_YET)
        wait_until(lambda: poll.machines(running()).missing != NOT_YET)
        found = [poll.machines(running()) for _ in range(100)]
    assert {trial: len(curves[0].time_s) for trial, curves in found[-1].use.items()} == {"1": 9, "2": 9}
    assert found[-1].missing == ""
    assert all(one is found[0] for one in found)
    assert len(server.requests) == len(METRICS)


def test_a_trial_that_is_new_in_a_later_round_has_its_curve_beside_those_that_are_known(server: Monitoring) -> None:
    server.series = [points(1, minutes=4)]
    with closing(poll_of(server.url, interval_s=0.0)) as poll:
        wait_until(lambda: "1" in poll.machines(running(1)).use)
        server.series = [points(2)]
        wait_until(lambda: "2" in poll.machines(running(2)).use)
        curves = poll.machines(running(2)).use
    assert {trial: len(found[0].time_s) for trial, found in curves.items()} == {"1": 4, "2": 9}


def test_nothing_is_asked_before_a_trial_has_started(server: Monitoring) -> None:
    job = running()
    waiting = dataclasses.replace(job, trials=tuple(dataclasses.replace(one, start_time=None) for one in job.trials))
    with closing(poll_of(server.url, interval_s=0.0)) as poll:
        for _ in range(5):
            assert poll.machines(waiting).use == {}
    assert server.requests == []


def test_a_study_without_points_says_so_and_one_with_nameless_series_too(server: Monitoring) -> None:
    with closing(poll_of(server.url)) as poll:
        assert after_rounds(poll, running(), NO_POINTS).use == {}
    server.series = [dataclasses.replace(points(1), labels={"job_id": "77"})]
    with closing(poll_of(server.url)) as poll:
        assert "none of them names a trial" in after_rounds(poll, running(), "Cloud Monitoring has time series").missing


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ((403, "Permission monitoring.timeSeries.list denied", {}), "Cloud Monitoring may not be read (403 Permission"),
        ((404, "Project not found", {}), "Cloud Monitoring answers 404 Project not found"),
        ((429, "Quota exceeded", {"Retry-After": "600"}), "Cloud Monitoring does not answer in time: 429 Quota"),
    ],
)
def test_a_refusal_is_a_sentence_and_the_next_round_has_the_curves(
    server: Monitoring, failure: tuple[int, str, dict[str, str]], message: str
) -> None:
    server.series = [points(1)]
    server.failures = [failure]
    with closing(poll_of(server.url, interval_s=0.2)) as poll:
        after_rounds(poll, running(), message)
        wait_until(lambda: poll.machines(running()).missing == "")
        assert list(poll.machines(running()).use) == ["1"]


def test_each_round_that_fails_doubles_the_time_to_the_next(server: Monitoring) -> None:
    server.failures = [(403, "denied", {})] * 1000
    with closing(poll_of(server.url, interval_s=0.05)) as poll:
        began = time.monotonic()
        wait_until(lambda: poll.machines(running()).use != {} or len(server.requests) >= 4)
        assert time.monotonic() - began >= 0.05 * (2 + 4 + 8)


OTHER_POINTS = b'{"timeSeries": [{"resource": {"labels": {"job_id": "901"}}, "points": 1}]}'


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"timeSeries": [1]}', OTHER_POINTS])
def test_an_answer_of_another_form_is_a_sentence(server: Monitoring, raw: bytes) -> None:
    server.raw = raw
    with closing(poll_of(server.url)) as poll:
        after_rounds(poll, running(), "Cloud Monitoring answers")


def test_an_address_that_is_none_and_an_unexpected_error_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(poll_of("http://monitoring.example")) as poll:
        assert "begins with https://" in after_rounds(poll, running(), ENDPOINT_VARIABLE).missing
    monkeypatch.setattr(cloud_poll, "series_of", None)
    with monitoring() as server, closing(poll_of(server.url)) as poll:
        server.series = [points(1)]
        assert "TypeError" in after_rounds(poll, running(), "Cloud Monitoring cannot be read").missing


def test_a_server_that_never_answers_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with closing(poll_of(url, interval_s=0.0)) as poll:
            began = time.monotonic()
            assert [poll.machines(running()).missing for _ in range(20)] == [NOT_YET] * 20
            assert time.monotonic() - began < 2
            monkeypatch.setattr(cloud_poll, "SILENCE_LIMIT_S", 0.0)
            assert poll.machines(running()).missing == "Cloud Monitoring does not answer within 0 s"
        connection, _ = silent.accept()
        connection.close()
        wait_until(lambda: "does not answer:" in poll.machines(running()).missing)


def test_the_end_of_the_page_ends_the_wait_for_a_busy_server_and_asks_no_more(server: Monitoring) -> None:
    server.failures = [(429, "Quota exceeded", {"Retry-After": "50"})]
    poll = poll_of(server.url, interval_s=0.0)
    poll.machines(running())
    wait_until(lambda: len(server.requests) == 1)
    poll.close()
    assert after_rounds(poll, running(), "the page has ended").use == {}
    for _ in range(20):
        poll.machines(running())
        time.sleep(0.01)
    assert len(server.requests) == 1
