from __future__ import annotations

from collections.abc import Iterator

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.launcher.study.watch import watch
from hydra_vertex.protocol.errors import ServiceError
from launcher.jobs import make_job


class ScriptedService:
    """A tuning service whose job has the next state of a list at each request."""

    def __init__(self, *states: JobState) -> None:
        self._states: Iterator[JobState] = iter(states)

    def get(self, name: str) -> HyperparameterTuningJob:
        return make_job(state=next(self._states), name=name)

    def create(self, parent: str, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        raise AssertionError("a watcher creates nothing")

    def list(self, parent: str, filter_text: str = "", limit: int | None = None) -> tuple[HyperparameterTuningJob, ...]:
        raise AssertionError("a watcher lists nothing")

    def cancel(self, name: str) -> None:
        raise AssertionError("a watcher cancels nothing")

    def has_started(self, custom_job: str) -> bool | None:
        raise AssertionError("a watcher asks for no machines")


@pytest.mark.parametrize("last", [state for state in JobState if state.is_terminal])
def test_every_terminal_state_ends_the_watch(last: JobState) -> None:
    service = ScriptedService(JobState.PENDING, JobState.RUNNING, JobState.CANCELLING, last)
    seen: list[JobState] = []
    waits: list[float] = []

    job = watch(service, "j", poll_interval_s=3.0, on_update=lambda j: seen.append(j.state), sleep=waits.append)

    assert job.state is last
    assert seen == [JobState.PENDING, JobState.RUNNING, JobState.CANCELLING, last]
    assert waits == [3.0, 3.0, 3.0]


def test_the_terminal_states_are_those_that_google_documents() -> None:
    names = {state.value.removeprefix("JOB_STATE_") for state in JobState if state.is_terminal}

    assert names == {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"}


def test_a_watch_has_a_limit_and_states_that_the_job_continues() -> None:
    now = [0.0]

    with pytest.raises(ServiceError, match="still JOB_STATE_RUNNING after 5 s; it continues"):
        watch(
            ScriptedService(*[JobState.RUNNING] * 20),
            "j",
            poll_interval_s=2.0,
            on_update=lambda job: None,
            limit_s=5.0,
            sleep=lambda s: now.__setitem__(0, now[0] + s),
            clock=lambda: now[0],
        )
    assert now == [6.0]
