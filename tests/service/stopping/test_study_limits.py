"""The conditions that end a study, and their order."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from hydra_vertex.job import HyperparameterTuningJob, Measurement, parse_job
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.stopping.study_limits import limit_reached
from service.harness import X

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def job(config: dict[str, Any] | None, values: list[float | None], goal: str = "MINIMIZE") -> HyperparameterTuningJob:
    """Return a job created at noon whose trials end at 12:01, 12:02, …; None is a trial that failed."""
    spec: dict[str, Any] = {"metrics": [{"metricId": "loss", "goal": goal}], "parameters": [X]}
    if config is not None:
        spec["studyStoppingConfig"] = config
    document = {"displayName": "d", "maxTrialCount": 20, "parallelTrialCount": 2, "studySpec": spec, "trialJobSpec": {}}
    made = tuning_job_state.begin(tuning_job_state.accept(parse_job(document), "jobs/1", NOON), NOON)
    for minute, value in enumerate(values, start=1):
        trial = tuning_job_state.activate(tuning_job_state.request(made, {"x": 1.0}), NOON)
        ended = (
            tuning_job_state.fail(trial, "exited with code 1", at(minute))
            if value is None
            else tuning_job_state.succeed(trial, Measurement({"loss": value}), at(minute))
        )
        made = tuning_job_state.put_trial(made, ended, at(minute))
    return made


@pytest.mark.parametrize(
    ("config", "values", "minute", "condition"),
    [
        (None, [1.0] * 9, 99, None),
        ({}, [1.0] * 9, 99, None),
        ({"maxNumTrials": 3}, [1.0, 1.0], 9, None),
        ({"maxNumTrials": 3}, [1.0, 1.0, None], 9, "maxNumTrials"),
        ({"maximumRuntimeConstraint": {"maxDuration": "600s"}}, [], 9.9, None),
        ({"maximumRuntimeConstraint": {"maxDuration": "600s"}}, [], 10, "maximumRuntimeConstraint"),
        ({"maximumRuntimeConstraint": {"endTime": "2026-01-01T12:10:00Z"}}, [], 9.9, None),
        ({"maximumRuntimeConstraint": {"endTime": "2026-01-01T12:10:00Z"}}, [], 10, "maximumRuntimeConstraint"),
        ({"maxNumTrialsNoProgress": 2}, [3.0, 2.0, 2.0], 9, None),
        ({"maxNumTrialsNoProgress": 2}, [3.0, 2.0, 2.0, None], 9, "maxNumTrialsNoProgress"),
        ({"maxNumTrialsNoProgress": 2}, [3.0, 2.0, 2.5, 1.0], 9, None),
        ({"maxNumTrialsNoProgress": 2}, [None, None, None], 9, None),
        ({"maxDurationNoProgress": "120s"}, [3.0, 2.0], 3.9, None),
        ({"maxDurationNoProgress": "120s"}, [3.0, 2.0], 4, "maxDurationNoProgress"),
        ({"maxDurationNoProgress": "120s"}, [], 2, "maxDurationNoProgress"),
        ({"maxNumTrials": 2, "minNumTrials": 3}, [1.0, 1.0], 9, None),
        ({"maxNumTrials": 2, "minNumTrials": 3}, [1.0, 1.0, 1.0], 9, "maxNumTrials"),
        ({"maxNumTrials": 2, "minimumRuntimeConstraint": {"maxDuration": "600s"}}, [1.0, 1.0], 9, None),
        ({"maxNumTrials": 2, "minimumRuntimeConstraint": {"maxDuration": "600s"}}, [1.0, 1.0], 10, "maxNumTrials"),
        ({"maxNumTrials": 1, "maximumRuntimeConstraint": {"maxDuration": "1s"}}, [1.0], 9, "maximumRuntimeConstraint"),
    ],
)
def test_a_study_ends_at_the_first_condition_that_holds(
    config: dict[str, Any] | None, values: list[float | None], minute: float, condition: str | None
) -> None:
    reason = limit_reached(job(config, values), at(minute))

    assert (reason and reason.split(":")[0]) == condition


def test_progress_depends_on_the_goal() -> None:
    config = {"maxNumTrialsNoProgress": 2}

    assert limit_reached(job(config, [1.0, 2.0, 3.0], "MAXIMIZE"), at(9)) is None
    assert limit_reached(job(config, [3.0, 2.0, 1.0], "MAXIMIZE"), at(9)) == (
        "maxNumTrialsNoProgress: no better value in the last 2 trials"
    )


def test_a_stopped_study_starts_no_more_trials_and_succeeds_when_the_last_has_ended() -> None:
    reason = "maxNumTrials: there are 2 trials"
    stopped = tuning_job_state.stop_giving_trials(job({"maxNumTrials": 2}, [1.0, 2.0]), reason, NOON)

    assert tuning_job_state.room(stopped) == 0
    assert tuning_job_state.is_over(stopped)
    assert tuning_job_state.finish(stopped, NOON).state.value == "JOB_STATE_SUCCEEDED"
