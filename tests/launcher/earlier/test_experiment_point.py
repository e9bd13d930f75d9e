from __future__ import annotations

import pytest

from hydra_vertex.job import (
    Categorical,
    Discrete,
    DoubleRange,
    Goal,
    IntegerRange,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    TrialState,
)
from hydra_vertex.launcher.earlier.experiment_point import requested_study
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject

SPEC = StudySpec(
    (MetricSpec("loss", Goal.MINIMIZE),),
    (
        ParameterSpec("optimizer.lr", DoubleRange(1e-5, 1.0)),
        ParameterSpec("model", Categorical(("small", "large"))),
        ParameterSpec("+trainer.depth", IntegerRange(1, 8)),
        ParameterSpec("width", Discrete((64.0, 128.0))),
        ParameterSpec("amp", Categorical(("true", "false"))),
        ParameterSpec("init", Categorical(("null", "zeros"))),
    ),
)


@pytest.mark.parametrize(
    ("document", "parameters"),
    [
        ({"optimizer": {"lr": 0.003}}, {"optimizer.lr": 0.003}),
        ({"optimizer": {"lr": "3e-3"}}, {"optimizer.lr": 0.003}),
        (
            {"defaults": ["/base", {"override /model": "large"}, "_self_"], "width": 128},
            {"model": "large", "width": 128.0},
        ),
        ({"defaults": [{"model": "large"}]}, {"model": "large"}),
        ({"defaults": [{"override /model@net": "large"}]}, {"model": "large"}),
        ({"trainer": {"depth": 3}}, {"+trainer.depth": 3.0}),
        ({"amp": True, "init": None}, {"amp": "true", "init": "null"}),
        ({"optimizer": {"lr": [1]}, "width": 64}, {"width": 64.0}),
        ({"optimizer": {"lr": "${other}"}, "width": 64}, {"width": 64.0}),
    ],
)
def test_an_experiment_file_is_a_requested_trial(document: JsonObject, parameters: JsonObject) -> None:
    job = requested_study(document, "best.yaml", SPEC)

    (trial,) = job.trials
    assert (trial.state, trial.parameters) == (TrialState.REQUESTED, parameters)


def test_an_alias_names_the_key_of_a_parameter() -> None:
    job = requested_study({"data": {"width": 64}}, "best.yaml", SPEC, ("width=data.width",))

    assert job.trials[0].parameters == {"width": 64.0}


@pytest.mark.parametrize("document", [{}, {"other": 1}, {"defaults": ["model"]}, {"model": {"name": "x"}}])
def test_a_file_that_sets_no_parameter_is_refused(document: JsonObject) -> None:
    with pytest.raises(UserError, match=r"best.yaml: sets none of the parameters of the search space \(optimizer.lr, "):
        requested_study(document, "best.yaml", SPEC)
