from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hydra_vertex.job import Goal, JobState, Measurement, TrialState
from hydra_vertex.launcher.best.selection import ended_without_success, rank, select_best
from hydra_vertex.protocol.errors import StudyError
from launcher.jobs import METRIC, make_job, make_trial

INFEASIBLE = TrialState.INFEASIBLE


@pytest.mark.parametrize(("goal", "winner"), [(Goal.MINIMIZE, "2"), (Goal.MAXIMIZE, "3"), (Goal.UNSPECIFIED, "3")])
def test_the_best_trial_depends_on_the_goal_and_an_unset_goal_maximises(goal: Goal, winner: str) -> None:
    job = make_job([make_trial(1, 2.0), make_trial(2, 1.0), make_trial(3, 3.0)], goal)

    assert select_best(job).id == winner


@pytest.mark.parametrize("goal", [Goal.MINIMIZE, Goal.MAXIMIZE])
def test_of_equal_trials_the_earliest_ranks_first_in_any_order_of_the_list(goal: Goal) -> None:
    job = make_job([make_trial(10, 1.0), make_trial(9, 1.0), make_trial(2, 1.0)], goal)

    assert [trial.id for trial in rank(job)] == ["2", "9", "10"]


def test_trials_that_did_not_succeed_or_have_no_finite_value_are_not_ranked() -> None:
    stopped_early = make_trial(3, -9.0, TrialState.STOPPING)
    other_metric = make_trial(5, None, final_measurement=Measurement({"train/loss": -9.0}))
    trials = [
        make_trial(1, -9.0, INFEASIBLE),
        make_trial(2, math.nan),
        stopped_early,
        make_trial(4, -math.inf),
        other_metric,
        make_trial(6, 5.0),
    ]

    assert [trial.id for trial in rank(make_job(trials))] == ["6"]


def test_when_no_trial_can_be_selected_the_error_quotes_the_first_failed_trial() -> None:
    trials = [make_trial(10, None, INFEASIBLE, "late"), make_trial(2, None, INFEASIBLE, "exited with code 1\nBoom")]

    with pytest.raises(StudyError, match=rf"2 trials, 2 infeasible, none with a finite value of '{METRIC}'") as caught:
        select_best(make_job(trials))

    assert "Trial 2: exited with code 1\nBoom" in str(caught.value)


def test_the_error_for_a_job_without_trials_states_its_state() -> None:
    with pytest.raises(StudyError, match=r"0 trials.*JOB_STATE_SUCCEEDED"):
        select_best(make_job())


@pytest.mark.parametrize(
    ("state", "reason", "is_unsuccessful"),
    [
        (JobState.CANCELLED, "", True),
        (JobState.CANCELLED, "the limit of 5.00 EUR (--max-cost) is reached", False),
        (JobState.FAILED, "a limit", True),
        (JobState.SUCCEEDED, "", False),
        (JobState.RUNNING, "", False),
        (JobState.PAUSED, "", True),
    ],
)
def test_a_job_that_was_cancelled_at_a_limit_of_the_user_is_not_unsuccessful(
    state: JobState, reason: str, is_unsuccessful: bool
) -> None:
    assert ended_without_success(replace(make_job([]), state=state, stopping_reason=reason)) is is_unsuccessful
