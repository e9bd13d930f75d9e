from __future__ import annotations

import dataclasses
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState as OptunaState

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    Measurement,
    MetricSpec,
    ParameterSpec,
    ScaleType,
    StudySpec,
    TrialState,
)
from hydra_vertex.launcher.best.selection import pareto_set, select_best
from hydra_vertex.launcher.optuna_storage.export import export_study, study_name_of
from hydra_vertex.launcher.optuna_storage.place import storage_to_read, storage_to_write
from hydra_vertex.launcher.optuna_storage.read import read_study
from hydra_vertex.protocol.errors import UserError
from launcher.jobs import METRIC, make_job, make_trial

MOMENTUM = ConditionalParameter(("sgd",), ParameterSpec("momentum", DoubleRange(0.0, 0.99)))
PARAMETERS = (
    ParameterSpec("lr", DoubleRange(1e-5, 1e-1), ScaleType.LOG),
    ParameterSpec("width", Discrete((64.0, 128.0, 256.0))),
    ParameterSpec("optimizer", Categorical(("adam", "sgd")), children=(MOMENTUM,)),
)


def ended_job(goal: Goal = Goal.MINIMIZE) -> HyperparameterTuningJob:
    curve = (Measurement({METRIC: 0.7}, 1), Measurement({METRIC: 0.3}, 2))
    adam = {"lr": 0.01, "width": 128.0, "optimizer": "adam"}
    sgd = {"lr": 0.02, "width": 64.0, "optimizer": "sgd", "momentum": 0.9}
    trials = [
        make_trial(1, 0.5, parameters=adam, stopping_reason="worse than the median"),
        make_trial(2, 0.3, parameters=sgd, measurements=curve),
        make_trial(3, None, TrialState.INFEASIBLE, "out of memory", parameters=adam),
        make_trial(4, None, TrialState.INFEASIBLE, stopping_reason="too slow", parameters=sgd),
        make_trial(5, None, TrialState.ACTIVE, parameters=adam),
    ]
    job = make_job(trials, goal)
    return dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, parameters=PARAMETERS))


def exported(job: HyperparameterTuningJob, file: Path) -> optuna.Study:
    place = storage_to_write(str(file))
    export_study(job, place, "study")
    storage = (
        optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
        if place.is_journal
        else place.address
    )
    return optuna.load_study(study_name="study", storage=storage)


@pytest.mark.parametrize("name", ["study.db", "study.sqlite", "study.log", "study.journal"])
@pytest.mark.parametrize("goal", [Goal.MINIMIZE, Goal.MAXIMIZE])
def test_optuna_loads_the_study_with_the_same_best_trial(tmp_path: Path, goal: Goal, name: str) -> None:
    job = ended_job(goal)

    study = exported(job, tmp_path / name)

    best = select_best(job)
    assert study.best_trial.user_attrs["trial_id"] == best.id
    assert study.best_value == best.objective(METRIC)
    assert study.best_params == dict(best.parameters)
    assert study.metric_names == [METRIC]


def test_a_trial_has_its_state_curve_times_and_reasons(tmp_path: Path) -> None:
    job = ended_job()

    trials = exported(job, tmp_path / "study.db").trials

    states = [OptunaState.COMPLETE, OptunaState.COMPLETE, OptunaState.FAIL, OptunaState.PRUNED, OptunaState.RUNNING]
    assert [trial.state for trial in trials] == states
    assert trials[1].intermediate_values == {1: 0.7, 2: 0.3}
    assert [trial.duration for trial in trials[:4]] == [job.trials[0].end_time - job.trials[0].start_time] * 4  # type: ignore[operator]
    assert trials[0].datetime_start is not None
    assert trials[0].datetime_start.astimezone() == job.trials[0].start_time
    assert trials[2].user_attrs["infeasible_reason"] == "out of memory"
    assert trials[0].user_attrs["stopping_reason"] == "worse than the median"


def test_a_conditional_parameter_is_in_the_trials_that_have_it(tmp_path: Path) -> None:
    trials = exported(ended_job(), tmp_path / "study.db").trials

    assert ["momentum" in trial.params for trial in trials] == [False, True, False, True, False]


def test_further_metrics_are_user_attributes(tmp_path: Path) -> None:
    trial = make_trial(1, None, final_measurement=Measurement({METRIC: 0.5, "val/acc": 0.9}))

    study = exported(make_job([trial]), tmp_path / "study.db")

    assert study.trials[0].user_attrs["val/acc"] == 0.9


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_an_exported_study_is_read_back(tmp_path: Path, name: str) -> None:
    job = ended_job()
    exported(job, tmp_path / name)

    place = storage_to_read(str(tmp_path / name))
    assert place is not None
    again = read_study(place)

    assert again.study_spec.metrics == job.study_spec.metrics
    expected = [dataclasses.replace(t, infeasible_reason=t.infeasible_reason or "") for t in job.trials]
    for before, after in zip(expected, again.trials, strict=True):
        assert (after.id, after.state, after.parameters) == (before.id, before.state, before.parameters)
        assert after.objective(METRIC) == before.objective(METRIC)
        assert (after.start_time, after.end_time) == (before.start_time, before.end_time)
        assert after.stopping_reason == before.stopping_reason


def test_a_storage_takes_several_studies_but_no_name_twice(tmp_path: Path) -> None:
    place = storage_to_write(str(tmp_path / "study.db"))
    export_study(ended_job(), place, "one")
    export_study(ended_job(), place, "two")

    with pytest.raises(UserError, match="has a study one already; give another name with --study NAME"):
        export_study(ended_job(), place, "one")


def test_the_name_of_a_study_tells_jobs_of_one_display_name_apart() -> None:
    job = make_job(name="projects/p/locations/l/hyperparameterTuningJobs/17")

    assert study_name_of(job) == "train-docs-17"
    assert study_name_of(make_job()) == "train-docs"


def test_several_objectives_are_those_of_the_study_and_are_read_back(tmp_path: Path) -> None:
    metrics = (MetricSpec("loss", Goal.MINIMIZE), MetricSpec("size", Goal.MAXIMIZE))
    values = ({"loss": 0.5, "size": 2.0, "other": 7.0}, {"loss": 0.4, "size": 1.0}, {"loss": 0.1})
    trials = [make_trial(n, None, final_measurement=Measurement(own)) for n, own in enumerate(values, start=1)]
    job = dataclasses.replace(make_job(trials), study_spec=StudySpec(metrics=metrics, parameters=()))

    study = exported(job, tmp_path / "study.db")

    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert study.metric_names == ["loss", "size"]
    assert [trial.values for trial in study.trials] == [[0.5, 2.0], [0.4, 1.0], None]
    assert study.trials[0].user_attrs == {"trial_id": "1", "other": 7.0}
    assert [trial.state for trial in study.trials][2] is OptunaState.FAIL
    assert {trial.user_attrs["trial_id"] for trial in study.best_trials} == {t.id for t in pareto_set(job)}
    place = storage_to_read(str(tmp_path / "study.db"))
    assert place is not None
    again = read_study(place)
    assert again.study_spec.metrics == metrics
    assert [trial.objective("size") for trial in again.trials] == [2.0, 1.0, None]
