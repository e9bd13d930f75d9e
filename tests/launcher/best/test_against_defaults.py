"""The best trial compared with the trial of the default values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from hydra_vertex.job import (
    Categorical,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    Trial,
    TrialState,
)
from hydra_vertex.launcher.best.against_defaults import against_defaults
from launcher.jobs import make_job, make_trial

OWN: dict[str, ParameterValue] = {"optimizer.lr": 0.003, "model.depth": 4.0, "model.activation": "gelu"}
OTHER: dict[str, ParameterValue] = {**OWN, "optimizer.lr": 0.01}
DEFAULTS = (
    ParameterSpec("optimizer.lr", DoubleRange(1e-5, 1e-1, 0.003)),
    ParameterSpec("model.depth", IntegerRange(1, 8, 4)),
    ParameterSpec("model.activation", Categorical(("gelu", "relu"), "gelu")),
)


def job_of(
    trials: Sequence[Trial], goal: Goal = Goal.MINIMIZE, parameters: tuple[ParameterSpec, ...] = DEFAULTS
) -> HyperparameterTuningJob:
    job = make_job(trials, goal)
    return dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, parameters=parameters))


def text(job: HyperparameterTuningJob) -> str:
    compared = against_defaults(job)
    return "" if compared is None else compared.text


@pytest.mark.parametrize(
    ("goal", "value", "best", "expected"),
    [
        (Goal.MINIMIZE, 4.0, 1.0, "val/loss 1 (trial 2), 3 lower (75 %) than 4 (trial 1)"),
        (Goal.MAXIMIZE, 0.5, 0.75, "val/loss 0.75 (trial 2), 0.25 higher (50 %) than 0.5 (trial 1)"),
        (Goal.MINIMIZE, 1.0, -1.0, "val/loss -1 (trial 2), 2 lower than 1 (trial 1)"),
        (Goal.MINIMIZE, 1.0, 4.0, "no trial is better than your defaults, val/loss 1 (trial 1)"),
        (Goal.MAXIMIZE, 1.0, 1.0, "no trial is better than your defaults, val/loss 1 (trial 1)"),
    ],
)
def test_the_difference_has_its_size_and_its_direction(goal: Goal, value: float, best: float, expected: str) -> None:
    trials = [make_trial(2, best, parameters=OTHER), make_trial(1, value, parameters=OWN)]

    assert text(job_of(trials, goal)) == f"best against your defaults: {expected}"


def test_a_trial_that_was_selected_by_its_repeats_is_compared_although_another_has_a_better_value() -> None:
    trials = [make_trial(1, 4.0, parameters=OWN), make_trial(2, 1.0), make_trial(3, 5.0, parameters=OTHER)]
    compared = against_defaults(job_of(trials), trials[2])

    assert compared is not None
    assert compared.text == "best against your defaults: val/loss 5 (trial 3), 1 higher (25 %) than 4 (trial 1)"
    assert not compared.is_better


def test_the_document_has_both_trials() -> None:
    compared = against_defaults(job_of([make_trial(1, 4.0, parameters=OWN), make_trial(2, 1.0, parameters=OTHER)]))

    assert compared is not None
    assert compared.document() == {
        "trial": "1",
        "value": 4.0,
        "bestTrial": "2",
        "bestValue": 1.0,
        "difference": -3.0,
        "isBetter": True,
    }


def test_defaults_that_failed_are_said_with_the_reason() -> None:
    failed = make_trial(1, None, TrialState.INFEASIBLE, "out of\nmemory", parameters=OWN)
    compared = against_defaults(job_of([failed, make_trial(2, 1.0, parameters=OTHER)]))

    assert compared is not None
    assert compared.text == "trial 1, with your defaults, has no value of val/loss to compare with: out of memory"
    assert compared.document()["difference"] is None


@pytest.mark.parametrize(
    ("trials", "parameters"),
    [
        ([make_trial(1, 4.0, parameters=OTHER), make_trial(2, 1.0, parameters=OWN)], DEFAULTS),
        ([make_trial(1, 4.0, parameters=OWN), make_trial(2, 1.0, parameters=OTHER)], make_job().study_spec.parameters),
        (
            [make_trial(1, 4.0, parameters=OWN), make_trial(2, 1.0)],
            (*DEFAULTS[:2], make_job().study_spec.parameters[2]),
        ),
        ([make_trial(1, None, TrialState.ACTIVE, parameters=OWN), make_trial(2, 1.0, parameters=OTHER)], DEFAULTS),
        ([make_trial(1, None, TrialState.INFEASIBLE, parameters=OWN)], DEFAULTS),
        ([], DEFAULTS),
    ],
    ids=["another first trial", "no defaults", "a parameter without", "not ended", "no best trial", "no trial"],
)
def test_without_a_measured_trial_of_the_defaults_nothing_is_said(
    trials: list[Trial], parameters: tuple[ParameterSpec, ...]
) -> None:
    assert against_defaults(job_of(trials, parameters=parameters)) is None
