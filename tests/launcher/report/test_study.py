from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_vertex.job import (
    Categorical,
    Discrete,
    DoubleRange,
    IntegerRange,
    Measurement,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    Trial,
    TrialState,
)
from hydra_vertex.launcher.report.labels import escape
from hydra_vertex.launcher.report.study import intermediate_values, to_study
from launcher.jobs import METRIC, make_job, make_trial

SPECS = (
    ParameterSpec("lr", DoubleRange(1e-5, 1e-1), ScaleType.LOG),
    ParameterSpec("depth", IntegerRange(1, 8)),
    ParameterSpec("width", Discrete((64.0, 128.0, 256.5))),
    ParameterSpec("act", Categorical(("gelu", "relu", "a'b"))),
)


@st.composite
def trials(draw: st.DrawFn) -> list[Trial]:
    values = st.fixed_dictionaries(
        {
            "lr": st.floats(1e-5, 1e-1),
            "depth": st.integers(1, 8).map(float),
            "width": st.sampled_from((64.0, 128.0, 256.5)),
            "act": st.sampled_from(("gelu", "relu", "a'b")),
        }
    )
    drawn = draw(st.lists(st.tuples(values, st.floats(-1e6, 1e6)), max_size=8))
    return [make_trial(n, value, parameters=parameters) for n, (parameters, value) in enumerate(drawn, start=1)]


@settings(deadline=None)
@given(trials())
def test_a_study_has_the_parameters_and_values_of_its_job(given_trials: list[Trial]) -> None:
    job = make_job(given_trials)
    study = to_study(dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, parameters=SPECS)))

    assert [trial.params for trial in study.trials] == [dict(trial.parameters) for trial in given_trials]
    assert [trial.value for trial in study.trials] == [trial.objective(METRIC) for trial in given_trials]
    assert all(isinstance(trial.params["depth"], int) for trial in study.trials)


@pytest.mark.parametrize(
    ("state", "value", "expected"),
    [
        (TrialState.SUCCEEDED, 1.0, "COMPLETE"),
        (TrialState.SUCCEEDED, None, "FAIL"),
        (TrialState.SUCCEEDED, float("inf"), "FAIL"),
        (TrialState.INFEASIBLE, None, "FAIL"),
        (TrialState.ACTIVE, None, "RUNNING"),
        (TrialState.STOPPING, None, "RUNNING"),
        (TrialState.REQUESTED, None, "WAITING"),
    ],
)
def test_only_a_finite_value_makes_a_trial_complete(state: TrialState, value: float | None, expected: str) -> None:
    (trial,) = to_study(make_job([make_trial(1, value, state)])).trials

    assert trial.state.name == expected


@pytest.mark.parametrize("value", [1.0, 1e-9, -3.0, "text", 2.5])
def test_a_value_outside_its_domain_is_kept(value: ParameterValue) -> None:
    for key in ("optimizer.lr", "model.depth", "model.activation", "undeclared"):
        (trial,) = to_study(make_job([make_trial(1, 1.0, parameters={key: value})])).trials

        assert trial.params == {key: value}


def test_measurements_without_steps_are_counted_from_one() -> None:
    trial = make_trial(1, 1.0, measurements=(Measurement({METRIC: 3.0}), Measurement({METRIC: 2.0})))

    assert intermediate_values(trial, METRIC) == {1: 3.0, 2: 2.0}


@settings(deadline=None)
@given(st.text(), st.text())
def test_escaped_labels_of_different_texts_differ(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)
    assert "<" not in escape(one)
