from __future__ import annotations

import dataclasses
import re

import pytest

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    Measurement,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    Trial,
    TrialState,
)
from hydra_vertex.launcher.earlier.comparison import best_ranges, lies_in, notices
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.optimizer.encoding import Encoding
from hydra_vertex.service.optimizer.other_study import earlier_study
from hydra_vertex.service.space.search_space import space_of
from launcher.jobs import SPEC, make_job, make_trial

INSIDE: dict[str, ParameterValue] = {"optimizer.lr": 0.003, "model.depth": 4.0, "model.activation": "gelu"}


def said(*parameters: dict[str, ParameterValue]) -> list[str]:
    trials = [make_trial(number, 0.5, parameters=values) for number, values in enumerate(parameters, start=1)]
    return list(notices(make_job(trials), "runs/a", SPEC))


def test_the_trials_inside_the_search_space_are_counted() -> None:
    outside: dict[str, ParameterValue] = {**INSIDE, "optimizer.lr": 7.0}

    assert said(dict(INSIDE), outside) == ["runs/a: 1 of 2 trials lie in the search space"]


def test_parameters_that_only_one_study_has_are_named() -> None:
    lines = said({"optimizer.lr": 0.003, "data.size": 1.0})

    assert "has no model.depth, model.activation; its points get the default" in lines[1]
    assert "data.size is not in the search space and is not used" in lines[2]


def test_another_metric_is_named() -> None:
    spec = dataclasses.replace(SPEC, metrics=(MetricSpec("test/error", Goal.MINIMIZE),))

    lines = list(notices(make_job([make_trial(1, 0.5)]), "runs/a", spec))

    assert "its metric is val/loss, not test/error; only the order of its trials counts" in lines[-1]


def test_of_several_metrics_the_one_that_counts_is_named() -> None:
    trial = make_trial(1, 0.5)
    trial = dataclasses.replace(trial, final_measurement=Measurement({"val/loss": 0.5, "val/acc": 0.9}))
    job = make_job([trial])
    metrics = (*job.study_spec.metrics, MetricSpec("val/acc", Goal.MAXIMIZE))
    several = dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=metrics))

    assert list(notices(several, "runs/a", SPEC))[-1] == (
        "runs/a: has several metrics; its trials are ranked by val/loss alone"
    )


def with_second_metric(trials: list[Trial], goal: Goal) -> HyperparameterTuningJob:
    job = make_job(trials)
    metrics = (*job.study_spec.metrics, MetricSpec("val/acc", goal))
    return dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=metrics))


def test_of_several_metrics_the_first_one_alone_ranks_the_trials() -> None:
    def measured(number: int) -> Trial:
        trial = make_trial(number, 0.5, parameters={"optimizer.lr": number * 1e-3, "model.depth": 4.0})
        values = {"val/loss": float(number), "val/acc": 1.0 * number}
        return dataclasses.replace(trial, final_measurement=Measurement(values))

    lines = best_ranges([with_second_metric([measured(n) for n in range(1, 17)], Goal.MAXIMIZE)], SPEC)

    assert next(lines).startswith("optimizer.lr: from 0.001 to 0.004 in the best 4 earlier trials")


def test_a_trial_without_a_value_of_the_second_metric_counts() -> None:
    job = with_second_metric([make_trial(1, 0.5, parameters=dict(INSIDE))], Goal.MAXIMIZE)

    assert next(notices(job, "runs/a", SPEC)) == "runs/a: 1 of 1 trials lie in the search space"


def test_the_opposite_goal_is_named() -> None:
    job = make_job([make_trial(1, 0.5)])
    metrics = (MetricSpec("val/loss", Goal.UNSPECIFIED),)
    opposite = dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=metrics))

    assert list(notices(opposite, "runs/a", SPEC))[-1] == (
        "runs/a: maximizes val/loss, and the new study minimizes val/loss; the best trials of each are those by its "
        "own goal"
    )


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"model.depth": 99.0}, "model.depth 99.0, allowed 1 to 8"),
        ({"model.activation": "swish"}, "model.activation 'swish', allowed gelu, relu"),
    ],
)
def test_the_refusal_names_a_value_outside_the_search_space(changed: dict[str, ParameterValue], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"lies in the search space ({says}); widen the ranges")):
        said({**INSIDE, **changed})


@pytest.mark.parametrize(
    ("trials", "says"),
    [
        ([make_trial(1, 0.5, parameters={"other": 1.0})], "has none of the parameters of the search space"),
        ([make_trial(1, 0.5, parameters={**INSIDE, "model.depth": 99.0})], "none of its 1 trials with a value lies in"),
        ([make_trial(1, None, TrialState.INFEASIBLE)], "none of its 0 trials with a value lies in"),
        ([], "no trial with parameters"),
    ],
)
def test_a_study_of_which_nothing_can_be_used_is_refused(trials: list[Trial], says: str) -> None:
    with pytest.raises(UserError, match=says):
        list(notices(make_job(trials), "runs/a", SPEC))


def test_the_ranges_are_those_of_the_best_quarter() -> None:
    trials = [
        make_trial(n, float(n), parameters={"optimizer.lr": n * 1e-3, "model.depth": 1.0 + n % 3}) for n in range(1, 17)
    ]

    lines = list(best_ranges([make_job(trials)], SPEC))

    assert lines == [
        "optimizer.lr: from 0.001 to 0.004 in the best 4 earlier trials (the search space: 1e-05 to 0.1)",
        "model.depth: from 1 to 3 in the best 4 earlier trials (the search space: 1 to 8)",
    ]


MOMENTUM = ParameterSpec("momentum", DoubleRange(0.5, 0.9))
CONDITIONAL = dataclasses.replace(
    SPEC,
    parameters=(
        ParameterSpec("optimizer", Categorical(("adam", "sgd")), children=(ConditionalParameter(("sgd",), MOMENTUM),)),
    ),
)


@pytest.mark.parametrize(
    ("parameters", "is_inside"),
    [
        ({"optimizer": "adam", "momentum": 0.1}, True),
        ({"optimizer": "sgd", "momentum": 0.1}, False),
        ({"optimizer": "sgd", "momentum": 0.7}, True),
        ({"momentum": 0.1}, False),
        ({"momentum": 0.7}, True),
        ({"optimizer": "lion", "momentum": 0.7}, False),
        ({"other": 0.7}, False),
    ],
)
def test_a_value_that_the_new_space_has_not_under_another_value_does_not_count(
    parameters: dict[str, ParameterValue], is_inside: bool
) -> None:
    trial = make_trial(1, 0.5, parameters=parameters)

    assert lies_in(trial, CONDITIONAL) is is_inside
    found = earlier_study(Encoding(space_of(CONDITIONAL.parameters)), CONDITIONAL.parameters, make_job([trial]))
    assert bool(len(found.rows)) is is_inside, "what is counted is what the optimiser uses"
