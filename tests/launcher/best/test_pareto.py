"""The Pareto set of a job with several objectives, and the rule that picks one trial of it."""

from __future__ import annotations

import dataclasses
import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Goal, HyperparameterTuningJob, Measurement, MetricSpec, Trial, TrialState
from hydra_vertex.job.preference import PREFER_LABEL
from hydra_vertex.launcher.best.members import rule_of
from hydra_vertex.launcher.best.pareto import distances, non_dominated
from hydra_vertex.launcher.best.selection import pareto_set, rank, select_best
from hydra_vertex.protocol.errors import StudyError
from launcher.jobs import make_job, make_trial

LOSS, ACCURACY, SIZE = "loss", "acc", "size"
GOALS = {LOSS: Goal.MINIMIZE, ACCURACY: Goal.MAXIMIZE, SIZE: Goal.MINIMIZE}


def job_of(*values: tuple[float, ...], names: tuple[str, ...] = (LOSS, ACCURACY)) -> HyperparameterTuningJob:
    """Return a job whose trial n has the n-th values."""
    trials = [trial_of(number, dict(zip(names, found, strict=True))) for number, found in enumerate(values, start=1)]
    return with_metrics(make_job(trials), names)


def with_metrics(job: HyperparameterTuningJob, names: tuple[str, ...]) -> HyperparameterTuningJob:
    metrics = tuple(MetricSpec(name, GOALS[name]) for name in names)
    return dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=metrics))


def trial_of(number: int, values: dict[str, float], state: TrialState = TrialState.SUCCEEDED) -> Trial:
    return dataclasses.replace(make_trial(number, None, state), final_measurement=Measurement(values))


def ids(trials: tuple[Trial, ...]) -> set[str]:
    return {trial.id for trial in trials}


VALUES = st.integers(0, 4).map(float)


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=25))
def test_the_pareto_set_is_that_of_optuna(values: list[tuple[float, ...]]) -> None:
    names = (LOSS, ACCURACY, SIZE)
    study = optuna.create_study(directions=["minimize", "maximize", "minimize"])
    study.add_trials([optuna.trial.create_trial(values=list(found)) for found in values])
    expected = {str(trial.number + 1) for trial in study.best_trials}
    assert ids(pareto_set(job_of(*values, names=names))) == expected


@given(st.lists(st.tuples(VALUES, VALUES), max_size=25))
def test_a_vector_is_in_the_front_unless_another_one_is_nowhere_worse_and_somewhere_better(
    costs: list[tuple[float, ...]],
) -> None:
    def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        return one[0] <= other[0] and one[1] <= other[1] and (one[0] < other[0] or one[1] < other[1])

    assert non_dominated(costs) == [not any(dominates(other, vector) for other in costs) for vector in costs]


def test_trials_with_equal_values_are_all_in_the_pareto_set_and_the_earliest_is_selected() -> None:
    job = job_of((0.5, 0.9), (0.5, 0.9), (0.6, 0.8))
    assert ids(pareto_set(job)) == {"1", "2"}
    assert select_best(job).id == "1"


def test_a_trial_without_a_finite_value_of_every_objective_is_not_in_the_pareto_set() -> None:
    trials = [
        trial_of(1, {LOSS: 0.1}),
        trial_of(2, {LOSS: 0.1, ACCURACY: math.nan}),
        trial_of(3, {LOSS: 0.1, ACCURACY: 0.9}, TrialState.INFEASIBLE),
        trial_of(4, {LOSS: 0.5, ACCURACY: 0.5}),
    ]
    assert ids(pareto_set(with_metrics(make_job(trials), (LOSS, ACCURACY)))) == {"4"}


def test_the_selected_trial_is_the_member_closest_to_the_best_of_every_objective() -> None:
    job = job_of((0.0, 0.0), (0.3, 0.8), (1.0, 1.0), (0.9, 0.1))
    assert select_best(job).id == "2"
    assert [trial.id for trial in rank(job)][-1] == "4", "a trial outside of the Pareto set comes after all members"


def test_the_scale_of_an_objective_does_not_change_the_selection() -> None:
    job = job_of((0.0, 0.0), (0.3, 800.0), (1.0, 1000.0))
    assert select_best(job).id == "2"


@pytest.mark.parametrize(("prefer", "chosen"), [(LOSS, "1"), (ACCURACY, "3")])
def test_a_preferred_objective_decides_within_the_pareto_set(prefer: str, chosen: str) -> None:
    job = job_of((0.0, 0.0), (0.3, 0.8), (1.0, 1.0), (1.0, 0.9))
    assert select_best(job, prefer).id == chosen


@pytest.mark.parametrize(("number", "chosen"), [("1", "1"), ("2", "3"), ("", "2"), ("9", "2")])
def test_a_preference_in_the_labels_of_the_job_decides_likewise(number: str, chosen: str) -> None:
    job = dataclasses.replace(job_of((0.0, 0.0), (0.3, 0.8), (1.0, 1.0), (1.0, 0.9)), labels={PREFER_LABEL: number})
    assert select_best(job).id == chosen
    assert rule_of(job).endswith({"1": LOSS, "2": "of every objective", "3": ACCURACY}[chosen])
    assert select_best(job, LOSS).id == "1", "a preference that is given comes first"


def test_a_preferred_name_that_is_no_objective_is_refused() -> None:
    with pytest.raises(StudyError, match="'los' is no objective of the study; did you mean 'loss'"):
        select_best(job_of((0.0, 0.0)), "los")


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=25))
def test_no_vector_is_closer_than_the_closest_member_of_the_front(costs: list[tuple[float, ...]]) -> None:
    found, members = distances(costs), non_dominated(costs)
    assert min(found) == min(distance for distance, member in zip(found, members, strict=True) if member)


def test_the_error_for_no_complete_trial_names_all_objectives() -> None:
    job = with_metrics(make_job([trial_of(1, {LOSS: 0.1})]), (LOSS, ACCURACY))
    with pytest.raises(StudyError, match="none with a finite value of 'loss' and 'acc'"):
        select_best(job)


def test_values_near_the_largest_number_have_distances() -> None:
    assert distances([(-1.5e308, 1.5e308), (0.0, 0.0), (1.5e308, -1.5e308)]) == pytest.approx([1.0, 0.5**0.5, 1.0])
