"""The retrained metric compared with the best trial's: size, direction by the goal, and what is called large."""

from __future__ import annotations

import math

import pytest

from hydra_vertex.trial.comparison import Comparison, TrialValue, compare, trial_values


@pytest.mark.parametrize(
    ("goal", "trial", "value", "text", "is_large"),
    [
        ("MINIMIZE", 0.5, 0.5, "retrained loss = 0.5, the same as that of trial 3", False),
        ("MINIMIZE", 0.5, 0.52, "retrained loss = 0.52, 4 % worse than trial 3 (0.5)", False),
        ("MINIMIZE", 0.5, 0.5000001, "retrained loss = 0.5000001, less than 0.001 % worse than trial 3 (0.5)", False),
        ("MINIMIZE", 0.5, 0.48, "retrained loss = 0.48, 4 % better than trial 3 (0.5)", False),
        ("MAXIMIZE", 0.5, 0.52, "retrained loss = 0.52, 4 % better than trial 3 (0.5)", False),
        ("MAXIMIZE", -2.0, -2.1, "retrained loss = -2.1, 5 % worse than trial 3 (-2.0)", False),
        ("MINIMIZE", 0.5, 1.0, "retrained loss = 1.0, 100 % worse than trial 3 (0.5)", True),
        ("MAXIMIZE", 0.5, 1.0, "retrained loss = 1.0, 100 % better than trial 3 (0.5)", True),
        ("MINIMIZE", 0.0, 0.25, "retrained loss = 0.25, 0.25 worse than trial 3 (0.0)", True),
    ],
)
def test_a_comparison_has_size_and_direction(
    goal: str, trial: float, value: float, text: str, *, is_large: bool
) -> None:
    compared = Comparison(TrialValue("3", "loss", trial, goal), value)

    assert compared.sentence().partition("; a large difference")[0] == text
    assert ("; a large difference" in compared.sentence()) is is_large
    assert compared.document() == {"best_trial/loss": trial, "difference/loss": value - trial}


@pytest.mark.parametrize(
    ("metadata", "metric"),
    [
        ({}, "loss"),
        ({"metric": "loss", "value": "0.5", "goal": "MINIMIZE"}, "loss"),
        ({"metric": "loss", "value": True}, "loss"),
        ({"metric": "loss", "value": math.inf}, "loss"),
        ({"metric": "other", "value": 0.5}, "loss"),
    ],
)
def test_metrics_that_cannot_be_compared_are_not(metadata: dict[str, object], metric: str) -> None:
    assert compare(metric, 0.5, trial_values(metadata)) is None  # type: ignore[arg-type] # JSON


def test_the_trials_metric_is_read_from_the_models_metadata() -> None:
    (found,) = trial_values({"trialId": "3", "metric": "loss", "value": 1, "goal": "MINIMIZE"})

    assert found == TrialValue("3", "loss", 1.0, "MINIMIZE")


def test_each_of_several_objectives_is_compared_with_the_trials_own_value() -> None:
    objectives = [
        {"metric": "loss", "value": 1, "goal": "MINIMIZE"},
        {"metric": "size", "value": 3, "goal": "MAXIMIZE"},
    ]
    trials = trial_values({"trialId": "3", "metric": "loss", "value": 1, "objectives": objectives})  # type: ignore[dict-item] # JSON
    size = compare("size", 4.0, trials)
    assert size is not None
    assert size.sentence().startswith("retrained size = 4.0, 33.3 % better than trial 3 (3.0)")
    assert compare("loss", 1.0, trials) is not None
    assert compare("other", 1.0, trials) is None
