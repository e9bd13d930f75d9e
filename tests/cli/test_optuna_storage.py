"""`export --optuna`, and `best` and `report` on an Optuna storage."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import optuna
import pytest
import yaml

from hydra_vertex.cli.main import main
from hydra_vertex.job import ContainerSpec, TrialJobSpec, TrialState, WorkerPoolSpec, save_job
from hydra_vertex.launcher.report.study import quiet_optuna
from json_schemas import printed_document
from launcher.jobs import make_job, make_trial
from pipelines.apps import make_project


def optuna_study(file: Path) -> None:
    """Write a study as hydra-optuna-sweeper does: the parameters are the keys of the app's config."""
    study = optuna.create_study(storage=f"sqlite:///{file}", study_name="sweep", direction="minimize")
    study.enqueue_trial({"lr": 0.01, "depth": 3, "model": "large"})
    study.optimize(
        lambda trial: (
            trial.suggest_float("lr", 1e-4, 1.0, log=True)
            + trial.suggest_int("depth", 1, 6)
            + len(trial.suggest_categorical("model", ["small", "large"]))
        ),
        n_trials=1,
    )


def test_best_writes_the_experiment_file_of_an_optuna_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    optuna_study(tmp_path / "sweep.db")
    monkeypatch.chdir(project.path)

    code = main(["best", "sqlite:///sweep.db", "-o", "best.yaml", "--", "python", "app.py"])

    assert code == 0, capsys.readouterr().err
    written = yaml.safe_load(Path("best.yaml").read_text())
    assert (written["lr"], written["depth"]) == (0.01, 3)
    assert {"override /model": "large"} in written["defaults"]


def diverging_study() -> None:
    """Write a study of which some trials diverge, as curves and as values that are not finite."""
    ends = [0.5, math.nan, math.inf, -math.inf, 0.7]

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("lr", 1e-4, 1.0, log=True)
        for step, value in enumerate((2.0, 1.0, ends[trial.number])):
            trial.report(value, step)
        return ends[trial.number]

    optuna.create_study(storage="sqlite:///sweep.db", study_name="sweep").optimize(objective, n_trials=5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["best", "sweep.db", "--json", "--", "python", "app.py"], '"trial": "1"'),
        (["report", "sweep.db", "-o", "out"], "5 trials of sweep"),
        (["export", "sweep.db", "--optuna", "copy.db"], "the study sweep with 5 trials"),
        (
            ["check", "--search", "search.yaml", "--start-from", "sweep.db", "--", "python", "app.py"],
            "2 of 2 trials lie",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_study_with_values_that_are_not_finite_is_read_and_its_finite_trials_count(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    diverging_study()
    capsys.readouterr()

    assert main(arguments) == 0

    assert says in capsys.readouterr().out
    if arguments[0] == "report":
        assert "value is -inf: not a finite number" in Path("out").read_text()
    if arguments[0] == "export":
        copy = optuna.load_study(study_name="sweep", storage="sqlite:///copy.db")
        assert copy.best_value == 0.5
        assert copy.trials[3].user_attrs["infeasible_reason"] == "value is -inf: not a finite number"


def test_report_reads_an_optuna_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    optuna_study(tmp_path / "sweep.db")
    monkeypatch.chdir(tmp_path)

    assert main(["report", "sweep.db", "-o", "report.html", "--json"]) == 0

    assert printed_document(capsys.readouterr().out)["trials"] == 1
    assert "sweep" in Path("report.html").read_text()


def test_of_several_objectives_best_selects_from_the_pareto_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    study = optuna.create_study(storage="sqlite:///two.db", directions=["minimize", "maximize"])
    with quiet_optuna():
        study.set_metric_names(["loss", "speed"])
    for depth in (1, 2, 3):
        study.enqueue_trial({"depth": depth})
    # The first trial has the best loss, the last one the best speed.
    study.optimize(lambda trial: ((depth := trial.suggest_int("depth", 1, 3)), [0.0, 2.9, 3.0][depth - 1]), n_trials=3)

    assert main(["best", "two.db", "--json", "--", "python", "app.py"]) == 0

    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert (found["trial"], {member["trial"] for member in found["pareto"]}) == ("2", {"1", "2", "3"})
    assert found["pareto"][0]["overrides"] == ["depth=2"]
    assert "not of speed" not in printed.err


def test_export_writes_the_study_and_says_how_to_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_job(make_job([make_trial(1, 0.5)]), Path("job.json"))

    assert main(["export", "job.json", "--optuna", "study.db"]) == 0

    assert f"optuna-dashboard sqlite:///{tmp_path}/study.db" in capsys.readouterr().out
    assert optuna.load_study(study_name="train-docs", storage="sqlite:///study.db").best_value == 0.5


def test_an_export_has_no_secrets_of_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    container = ContainerSpec(image_uri="local", env={"API_TOKEN": "correct-horse-battery"})
    failed = make_trial(1, None, TrialState.INFEASIBLE, "login with correct-horse-battery failed")
    job = make_job([failed])
    spec = TrialJobSpec(worker_pools=(WorkerPoolSpec(container=container, machine={"machineType": "local"}),))
    save_job(dataclasses.replace(job, trial_job_spec=spec), Path("job.json"))

    assert main(["export", "job.json", "--optuna", "study.db"]) == 0

    assert b"login with" in Path("study.db").read_bytes()
    assert b"correct-horse" not in Path("study.db").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status", "sqlite:///sweep.db"], "an Optuna storage has no job of a service"),
        (["best", "sweep.db", "--project", "p"], "--project p: sweep.db is an Optuna storage"),
        (["best", "job.json", "--study", "a"], "--study a: only an Optuna storage has several studies"),
        (["report", "sqlite:///absent.db"], "there is no file absent.db"),
        (["report", "sweep.db", "--study", "other"], "has no study other"),
        (["export", "job.json", "--optuna", "job.json"], "exists and is not an Optuna storage"),
        (["export", "job.json", "--optuna", ""], "is empty"),
        (["export", "job.json"], "--optuna"),
    ],
)
def test_what_cannot_be_read_or_written_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    optuna_study(tmp_path / "sweep.db")
    save_job(make_job(), Path("job.json"))

    try:
        code = main(arguments)
    except SystemExit as exit_:
        code = int(str(exit_.code))

    line = capsys.readouterr().err.splitlines()[-1]
    assert code == 2
    assert says in line
