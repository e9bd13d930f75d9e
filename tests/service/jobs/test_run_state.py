"""The changes of state of custom jobs and pipeline jobs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from hydra_vertex.job import CustomJob, JobError, JobState, TrialJobSpec
from hydra_vertex.job.pipeline_job import PipelineJob, PipelineState, PipelineTask
from hydra_vertex.service.jobs import pipeline_job_state
from hydra_vertex.service.jobs.run_state import J, accept, begin, postpone, request_cancel

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
LATER = NOW + timedelta(minutes=1)
ENDED = JobError(3, "sent by a client")
JOBS = [
    CustomJob("name", TrialJobSpec(()), state=JobState.FAILED, end_time=NOW, start_time=NOW, error=ENDED),
    PipelineJob("name", {}, state=PipelineState.FAILED, end_time=NOW, start_time=NOW, error=ENDED),
]


@pytest.mark.parametrize("job", JOBS)
def test_a_created_job_has_nothing_that_only_the_service_sets(job: J) -> None:
    created = accept(job, "projects/p/locations/l/jobs/1", LATER)

    assert created.state is type(job.state).PENDING
    assert (created.name, created.create_time, created.update_time) == ("projects/p/locations/l/jobs/1", LATER, LATER)
    assert (created.start_time, created.end_time, created.error) == (None, None, None)
    assert created.display_name == "name"


def test_a_created_pipeline_has_no_tasks() -> None:
    sent = PipelineJob("name", {}, tasks=(PipelineTask(1, "a"),))
    assert pipeline_job_state.accept(sent, "n", NOW).tasks == ()


@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_starts_again_keeps_the_time_of_its_first_start(job: J) -> None:
    states = type(job.state)
    running = begin(accept(job, "n", NOW), NOW)
    waiting = postpone(running, LATER)
    again = begin(waiting, LATER)

    assert [each.state for each in (running, waiting, again)] == [states.RUNNING, states.PENDING, states.RUNNING]
    assert (again.start_time, again.update_time) == (NOW, LATER)
    assert request_cancel(again, LATER).state is states.CANCELLING
