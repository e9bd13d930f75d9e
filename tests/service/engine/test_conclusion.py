"""The state of a trial after its command has ended, decided without a service."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from hydra_vertex.job import StudySpec, Trial, TrialState, parse_study_spec
from hydra_vertex.service.engine.conclusion import Evidence, concluded
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.measurements.metric_file import MetricReport
from hydra_vertex.service.trials.exit_status import ExitStatus
from hydra_vertex.service.trials.run import Ended, EndReason, NotStarted, Outcome
from service.harness import X

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
LATER = NOON + timedelta(minutes=1)
SUCCESS = ExitStatus(code=0)
STOPPED = ExitStatus(code=0, stopped=True)
CRASHED = ExitStatus(code=3)
TIMED_OUT = ExitStatus(signal=15, timed_out=True)
REPORTS = (MetricReport("loss", 2.0, 1, NOON.timestamp() + 1), MetricReport("loss", 1.0, 2, NOON.timestamp() + 2))


def spec() -> StudySpec:
    document = {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}], "parameters": [X]}
    return parse_study_spec(json.loads(json.dumps(document)), "studySpec")


def requested() -> Trial:
    return Trial(id="1", name="jobs/1/trials/1", state=TrialState.REQUESTED, parameters={"x": 1.0})


def active() -> Trial:
    return tuning_job_state.activate(requested(), NOON)


def stopping() -> Trial:
    return tuning_job_state.stop(active(), "a bad curve")


def conclude(trial: Trial, outcome: Outcome, reports: tuple[MetricReport, ...] = REPORTS) -> Trial:
    return concluded(trial, spec(), 30.0, outcome, Evidence(reports, "last words"), LATER)


@pytest.mark.parametrize(
    ("trial", "outcome", "state", "reason"),
    [
        (active(), Ended(SUCCESS, None), TrialState.SUCCEEDED, ""),
        (active(), Ended(SUCCESS, EndReason.CANCELLED), TrialState.SUCCEEDED, ""),
        (active(), Ended(CRASHED, None), TrialState.INFEASIBLE, "exited with code 3\nlast words"),
        (active(), Ended(CRASHED, EndReason.SHUTDOWN), TrialState.INFEASIBLE, "exited with code 3\nlast words"),
        (active(), Ended(TIMED_OUT, None), TrialState.INFEASIBLE, "ran past its limit of 30 s\nlast words"),
        (
            active(),
            Ended(STOPPED, EndReason.CANCELLED),
            TrialState.INFEASIBLE,
            "ended because the job was cancelled\nlast words",
        ),
        (active(), Ended(None, EndReason.FAILED), TrialState.INFEASIBLE, "ended because the job failed\nlast words"),
        (active(), Ended(STOPPED, EndReason.SHUTDOWN), TrialState.REQUESTED, ""),
        (active(), Ended(STOPPED, None), TrialState.REQUESTED, ""),
        (active(), NotStarted("could not be started: no"), TrialState.INFEASIBLE, "could not be started: no"),
        (stopping(), Ended(STOPPED, None), TrialState.SUCCEEDED, ""),
        (stopping(), Ended(None, None), TrialState.SUCCEEDED, ""),
        (stopping(), Ended(SUCCESS, None), TrialState.SUCCEEDED, ""),
    ],
)
def test_the_end_of_the_command_decides_the_state_of_the_trial(
    trial: Trial, outcome: Outcome, state: TrialState, reason: str
) -> None:
    ended = conclude(trial, outcome)
    assert (ended.state, ended.infeasible_reason) == (state, reason)
    assert [measurement.metrics["loss"] for measurement in ended.measurements] == [2.0, 1.0]
    assert (ended.final_measurement is not None) is (state is TrialState.SUCCEEDED)


def test_a_trial_that_was_stopped_keeps_the_reason_and_one_that_ended_by_itself_does_not() -> None:
    assert conclude(stopping(), Ended(STOPPED, None)).stopping_reason == "a bad curve"
    assert conclude(stopping(), Ended(SUCCESS, None)).stopping_reason == ""


def test_an_exit_code_of_0_without_a_value_is_infeasible() -> None:
    ended = conclude(active(), Ended(SUCCESS, None), ())
    assert ended.state is TrialState.INFEASIBLE
    assert ended.infeasible_reason == "exited with code 0 but reported no value of 'loss'\nlast words"


def test_a_missing_start_time_is_taken_from_the_supervisors_report() -> None:
    ended = conclude(requested(), Ended(ExitStatus(code=0, started=NOON), None))
    assert (ended.state, ended.start_time, ended.end_time) == (TrialState.SUCCEEDED, NOON, LATER)
