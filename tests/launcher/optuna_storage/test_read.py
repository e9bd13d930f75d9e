from __future__ import annotations

import math
from pathlib import Path

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from hydra_vertex.job import (
    Categorical,
    Discrete,
    Domain,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    ParameterValue,
    ScaleType,
    TrialState,
)
from hydra_vertex.launcher.best.selection import select_best
from hydra_vertex.launcher.optuna_storage.place import storage_to_read
from hydra_vertex.launcher.optuna_storage.read import read_study
from hydra_vertex.protocol.errors import UserError

LINEAR, LOG = ScaleType.LINEAR, ScaleType.LOG


def stored(tmp_path: Path, *trials: optuna.trial.FrozenTrial, **options: object) -> str:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(storage=url, **options)  # type: ignore[arg-type]
    study.add_trials(trials)
    return url


def read(url: str, name: str = "") -> HyperparameterTuningJob:
    place = storage_to_read(url)
    assert place is not None
    return read_study(place, name)


def trial_with(distribution: BaseDistribution, value: object) -> optuna.trial.FrozenTrial:
    return create_trial(value=1.0, params={"x": value}, distributions={"x": distribution})


@pytest.mark.parametrize(
    ("distribution", "value", "domain", "scale", "converted"),
    [
        (FloatDistribution(0.0, 1.0), 0.5, DoubleRange(0.0, 1.0), LINEAR, 0.5),
        (FloatDistribution(1e-5, 1.0, log=True), 0.5, DoubleRange(1e-5, 1.0), LOG, 0.5),
        (FloatDistribution(0.0, 1.0, step=0.5), 0.5, Discrete((0.0, 0.5, 1.0)), LINEAR, 0.5),
        (IntDistribution(1, 8), 3, IntegerRange(1, 8), LINEAR, 3.0),
        (IntDistribution(1, 8, log=True), 3, IntegerRange(1, 8), LOG, 3.0),
        (IntDistribution(2, 6, step=2), 4, Discrete((2.0, 4.0, 6.0)), LINEAR, 4.0),
        (IntDistribution(0, 10**6, step=2), 4, IntegerRange(0, 10**6), LINEAR, 4.0),
        (CategoricalDistribution(("a", "b")), "b", Categorical(("a", "b")), None, "b"),
        (CategoricalDistribution((32, 16)), 32, Discrete((16.0, 32.0)), None, 32.0),
        (CategoricalDistribution((True, False)), True, Categorical(("true", "false")), None, "true"),
        (CategoricalDistribution((None, "a")), None, Categorical(("null", "a")), None, "null"),
        (CategoricalDistribution((None, 1)), 1, Categorical(("null", "1")), None, "1"),
        (CategoricalDistribution((1.0, math.inf)), math.inf, Categorical(("1", "inf")), None, "inf"),
        (CategoricalDistribution((0.125, "a")), 0.125, Categorical(("0.125", "a")), None, "0.125"),
    ],
)
def test_a_distribution_becomes_a_parameter(
    tmp_path: Path,
    distribution: BaseDistribution,
    value: object,
    domain: Domain,
    scale: ScaleType | None,
    converted: ParameterValue,
) -> None:
    job = read(stored(tmp_path, trial_with(distribution, value)))

    (spec,) = job.study_spec.parameters
    assert (spec.id, spec.domain, spec.scale) == ("x", domain, scale)
    assert job.trials[0].parameters == {"x": converted}


def test_ranges_that_differ_between_trials_are_joined(tmp_path: Path) -> None:
    trials = trial_with(FloatDistribution(0.0, 1.0), 0.5), trial_with(FloatDistribution(0.5, 2.0), 1.5)

    job = read(stored(tmp_path, *trials))

    assert job.study_spec.parameters[0].domain == DoubleRange(0.0, 2.0)


def test_every_state_has_its_counterpart_and_a_pruned_trial_is_not_selected(tmp_path: Path) -> None:
    x = {"distributions": {"x": FloatDistribution(0.0, 1.0)}}
    trials = (
        create_trial(state=OptunaState.PRUNED, params={"x": 0.1}, intermediate_values={1: 0.1}, **x),  # type: ignore[arg-type]
        create_trial(value=0.5, params={"x": 0.2}, intermediate_values={0: 0.9, 1: 0.5}, **x),  # type: ignore[arg-type]
        create_trial(state=OptunaState.FAIL, params={"x": 0.3}, **x),  # type: ignore[arg-type]
        create_trial(state=OptunaState.RUNNING, params={"x": 0.4}, **x),  # type: ignore[arg-type]
    )
    url = stored(tmp_path, *trials)
    (name,) = optuna.get_all_study_names(url)
    optuna.load_study(storage=url, study_name=name).enqueue_trial({"x": 0.5})

    job = read(url)

    states = [TrialState.INFEASIBLE, TrialState.SUCCEEDED, TrialState.INFEASIBLE, TrialState.ACTIVE]
    assert [trial.state for trial in job.trials] == [*states, TrialState.REQUESTED]
    assert [trial.id for trial in job.trials] == ["1", "2", "3", "4", "5"]
    assert [trial.stopped_early for trial in job.trials] == [True, False, False, False, False]
    assert [(m.step_count, m.metrics["value"]) for m in job.trials[1].measurements] == [(0, 0.9), (1, 0.5)]
    assert job.trials[4].parameters == {"x": 0.5}
    assert select_best(job).id == "2"


def test_values_that_are_not_finite_are_left_out_and_a_complete_trial_without_one_is_infeasible(tmp_path: Path) -> None:
    x = {"distributions": {"x": FloatDistribution(0.0, 1.0)}}
    curve = {0: 0.9, 1: math.nan, 2: math.inf, 3: -math.inf}
    trials = (
        create_trial(value=0.5, params={"x": 0.1}, intermediate_values=curve, **x),  # type: ignore[arg-type]
        create_trial(value=-math.inf, params={"x": 0.2}, **x),  # type: ignore[arg-type]
        create_trial(state=OptunaState.PRUNED, params={"x": 0.3}, intermediate_values=curve, **x),  # type: ignore[arg-type]
    )

    job = read(stored(tmp_path, *trials))

    states = [TrialState.SUCCEEDED, TrialState.INFEASIBLE, TrialState.INFEASIBLE]
    assert [trial.state for trial in job.trials] == states
    assert [dict(m.metrics) for m in job.trials[0].measurements] == [{"value": 0.9}, {}, {}, {}]
    assert job.trials[1].infeasible_reason == "value is -inf: not a finite number"
    assert job.trials[1].final_measurement is None
    assert select_best(job).id == "1"


def test_a_trial_with_one_infinite_objective_of_several_is_infeasible(tmp_path: Path) -> None:
    trial = create_trial(values=[1.0, math.inf], params={}, distributions={})

    (read_trial,) = read(stored(tmp_path, trial, directions=["maximize", "minimize"])).trials

    assert read_trial.state is TrialState.INFEASIBLE
    assert read_trial.infeasible_reason == "value_1 is inf: not a finite number"


def test_several_objectives_keep_their_directions(tmp_path: Path) -> None:
    trial = create_trial(values=[1.0, 2.0], params={}, distributions={})

    job = read(stored(tmp_path, trial, directions=["maximize", "minimize"]))

    assert [(m.id, m.goal) for m in job.study_spec.metrics] == [("value_0", Goal.MAXIMIZE), ("value_1", Goal.MINIMIZE)]
    assert job.trials[0].final_measurement is not None
    assert job.trials[0].final_measurement.metrics == {"value_0": 1.0, "value_1": 2.0}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", r"has 2 studies; choose one with --study NAME: other, train"),
        ("trian", r"has no study trian; did you mean 'train'\?"),
    ],
)
def test_a_study_that_is_not_clear_is_refused_with_the_names(tmp_path: Path, name: str, says: str) -> None:
    url = stored(tmp_path, study_name="train")
    optuna.create_study(storage=url, study_name="other")

    with pytest.raises(UserError, match=says):
        read(url, name)


def test_a_storage_without_a_study_is_refused(tmp_path: Path) -> None:
    url = stored(tmp_path, study_name="train")
    optuna.delete_study(storage=url, study_name="train")

    with pytest.raises(UserError, match="has no study"):
        read(url)
