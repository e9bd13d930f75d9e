"""A study of several objectives, from the search file to the Pareto set."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.launcher.best.selection import pareto_set
from hydra_vertex.launcher.files.job_file import read_job
from pipelines.apps import Project, environment

APP = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    print("GOT", config.lr, config.width)
    return {"values": ((config.lr - 0.3) ** 2 + 1 / config.width, config.width), "one": 0.5}[config.returned]


if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults: [_self_, {experiment: null}, {hparams_search: null}]
lr: 0.1
width: 8
returned: values
optimized_metric: null
"""
SEARCH = """# @package _global_
optimized_metric: [val/loss, size]
hydra:
  sweeper:
    direction: [minimize, minimize]
    n_trials: 5
    n_jobs: 2
    params:
      lr: interval(0.0, 1.0)
      width: range(1, 33)
"""
SWEEPER = "defaults: [override /hydra/sweeper: study]\n"
COMMAND = ("--", "python", "app.py")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("app.py", APP)
    project.write("conf/config.yaml", CONFIG)
    project.write("search.yaml", SEARCH)
    project.write("conf/hydra/sweeper/study.yaml", "{}\n")
    project.write("conf/hparams_search/two.yaml", SEARCH.replace("optim", SWEEPER + "optim", 1))
    return project


def test_a_run_writes_the_pareto_set_and_retrains_the_selected_trial(project: Project) -> None:
    ended = project.hydra_vertex("run", "--search", "search.yaml", "--out", "out", *COMMAND)

    assert ended.code == 0, ended.stderr
    job = read_job(project.path / "out/job.json")
    assert all(
        set(trial.final_measurement.metrics) == {"val/loss", "size"} for trial in job.trials if trial.final_measurement
    )
    members = pareto_set(job)
    files = {path.name for path in (project.path / "out/pareto").iterdir()}
    assert files == {f"trial_{trial.id}.yaml" for trial in members}
    best = (project.path / "out/best.yaml").read_text()
    assert f"# Trial {members[0].id} of " in best
    assert "Selected: the member of the Pareto set that is closest to the best value of every objective." in best
    assert f"trial {members[0].id} is selected from the Pareto set" in ended.stdout
    assert "; retrained size = " in ended.stdout

    for trial in members:
        command = [sys.executable, "app.py", "--config-dir", "out/config", f"experiment=pareto/trial_{trial.id}"]
        plain = subprocess.run(
            command, cwd=project.path, capture_output=True, text=True, env=environment(), timeout=60, check=True
        )
        assert plain.stdout.split() == ["GOT", str(trial.parameters["lr"]), str(int(float(trial.parameters["width"])))]

    chosen = project.hydra_vertex("best", "out/job.json", "--prefer", "size", "--json", "-o", "chosen/best.yaml")
    document = json.loads(chosen.stdout)
    smallest = min(members, key=lambda trial: trial.objective("size") or 0.0)
    assert document["trial"] == smallest.id
    assert {member["trial"] for member in document["pareto"]} == {trial.id for trial in members}
    assert document["rule"] == "the member of the Pareto set with the best size"
    assert (project.path / f"chosen/pareto/trial_{smallest.id}.yaml").is_file()


def test_a_run_selects_by_the_preferred_objective_and_so_do_the_commands_after_it(project: Project) -> None:
    run = ("run", "--search", "search.yaml", "--no-retrain", "--out", "out")
    first = project.hydra_vertex(*run, "--prefer", "size", *COMMAND)
    assert first.code == 0, first.stderr
    job = read_job(project.path / "out/job.json")
    rule = "the member of the Pareto set with the best size"
    assert job.labels["hydra-vertex-prefer"] == "2"
    smallest = min(pareto_set(job), key=lambda trial: trial.objective("size") or 0.0)
    assert f"trial {smallest.id} is selected from the Pareto set" in first.stdout
    assert f"Selected: {rule}." in (project.path / "out/best.yaml").read_text()
    assert f"Trial {smallest.id}: {rule}." in (project.path / "out/report.html").read_text()

    chosen = project.hydra_vertex("best", "out", "--json", "-o", "chosen/best.yaml")
    assert json.loads(chosen.stdout)["rule"] == rule
    assert rule in project.hydra_vertex("status", "out").stdout

    other = project.hydra_vertex(*run, "--prefer", "val/loss", *COMMAND)
    assert other.code == 0, other.stderr
    again = read_job(project.path / "out/job.json")
    assert again.trials == job.trials, "only the selection is another one"
    assert pareto_set(again)[0].id == min(pareto_set(job), key=lambda trial: trial.objective("val/loss") or 0.0).id
    assert "Pareto set with the best val/loss." in (project.path / "out/best.yaml").read_text()

    ruled = project.hydra_vertex(*run, *COMMAND)
    assert ruled.code == 0, ruled.stderr
    assert "closest to the best value of every objective" in (project.path / "out/best.yaml").read_text()


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_preference_that_the_study_has_not_is_refused_before_anything_starts(project: Project, command: str) -> None:
    ended = project.hydra_vertex(command, "--search", "search.yaml", "--prefer", "siz", *COMMAND)

    assert ended.code == 2
    assert "--prefer 'siz': the study has no such objective; did you mean 'size'?" in ended.stderr
    assert not (project.path / "runs").exists()


def test_a_file_that_is_given_and_one_that_the_app_chooses_are_the_same_study(project: Project) -> None:
    given = project.hydra_vertex("check", "--json", "--search", "search.yaml", *COMMAND)
    chosen = project.hydra_vertex("check", "--json", *COMMAND, "hparams_search=two")
    assert json.loads(given.stdout)["studySpec"] == json.loads(chosen.stdout)["studySpec"]
    assert not any("optimized_metric" in notice for notice in json.loads(chosen.stdout)["notices"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--early-stopping", "median"), "early stopping"),
        (("--confirm", "2", "--seed-key", "seed"), "--confirm selects by the mean of one metric"),
        (("--start-from", "job.json"), "--start-from compares earlier trials by one metric"),
        (("--early-stopping", "convex"), "early stopping"),
        (("--metric-threshold", "0.2"), "--metric-threshold 0.2 is a limit of one metric"),
        (("--metric-threshold", "0.2", "--on-missed-threshold", "skip-retraining"), "--metric-threshold 0.2"),
    ],
)
def test_what_compares_trials_by_one_value_is_refused_before_anything_starts(
    project: Project, options: tuple[str, ...], problem: str
) -> None:
    for command in ("check", "run"):
        ended = project.hydra_vertex(command, "--search", "search.yaml", *options, *COMMAND)
        assert ended.code == 2
        assert problem in ended.stderr
        assert "the study has several objectives (val/loss, size); leave it out, or tune one objective" in ended.stderr
    assert not (project.path / "runs").exists()


def test_an_app_that_returns_another_number_of_values_is_named_by_the_smoke_trial(project: Project) -> None:
    ended = project.hydra_vertex("check", "--smoke", "--search", "search.yaml", *COMMAND, "returned=one")
    assert ended.code != 0
    assert "reported no val/loss: the app's main returned no tuple or list of 2 numbers" in ended.stderr
    assert "the app returned a value of type float; return 2 numbers from its main function" in ended.stdout


@pytest.mark.parametrize(("prefer", "problem"), [("siz", "no such objective; did you mean 'size'?")])
def test_an_unknown_preference_is_refused(project: Project, prefer: str, problem: str) -> None:
    job = {"studySpec": {"metrics": [{"metricId": "size"}, {"metricId": "loss"}]}, "trials": []}
    project.write("job.json", json.dumps(job))
    ended = project.hydra_vertex("best", "job.json", "--prefer", prefer)
    assert ended.code == 2
    assert problem in ended.stderr


def test_a_preference_in_a_study_of_one_objective_is_refused(project: Project) -> None:
    project.write("job.json", json.dumps({"studySpec": {"metrics": [{"metricId": "loss"}]}, "trials": []}))
    ended = project.hydra_vertex("best", "job.json", "--prefer", "loss")
    assert ended.code == 2
    assert "the study has one objective, loss" in ended.stderr
