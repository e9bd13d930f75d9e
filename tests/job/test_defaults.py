"""The default values of a search space as the parameters of a trial."""

from __future__ import annotations

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    DoubleRange,
    Goal,
    IntegerRange,
    MetricSpec,
    ParameterSpec,
    StudySpec,
)
from hydra_vertex.job.defaults import default_parameters, has_defaults, without_defaults


def spec(beta: float | None, momentum: float | None) -> StudySpec:
    children = (
        ConditionalParameter(("adam",), ParameterSpec("beta", DoubleRange(0.0, 1.0, beta))),
        ConditionalParameter(("sgd",), ParameterSpec("momentum", DoubleRange(0.0, 1.0, momentum))),
    )
    parameters = (
        ParameterSpec("optimizer", Categorical(("adam", "sgd"), "adam"), None, children),
        ParameterSpec("depth", IntegerRange(1, 8, 3)),
        ParameterSpec("batch", Discrete((16.0, 32.0), 16.0)),
    )
    return StudySpec((MetricSpec("loss", Goal.MINIMIZE),), parameters)


def test_the_default_values_of_the_active_parameters_are_a_trial() -> None:
    assert default_parameters(spec(0.9, None)) == {"optimizer": "adam", "beta": 0.9, "depth": 3.0, "batch": 16.0}


def test_an_active_parameter_without_a_default_value_leaves_no_trial() -> None:
    assert default_parameters(spec(None, 0.5)) is None


def test_a_study_without_default_values_has_none_below_a_condition() -> None:
    bare = without_defaults(spec(0.9, 0.5))

    assert has_defaults(spec(0.9, 0.5))
    assert not has_defaults(bare)
    assert [p.id for p in bare.parameters] == ["optimizer", "depth", "batch"]
    assert [child.when for child in bare.parameters[0].children] == [("adam",), ("sgd",)]
