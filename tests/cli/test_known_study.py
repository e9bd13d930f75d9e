"""A study that begins with the app's own config, finds its conditions, and goes on with more trials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.apps import CONFIG, SEARCH, Project, make_project

APP = ("--", "python", "app.py")
SWEEP = SEARCH + "      optimizer: choice(adam, sgd)\n      optimizer.momentum: interval(0.5, 0.99)\n"
OWN = {"lr": 0.1, "depth": 1.0, "model": "small", "optimizer": "adam"}
GCLOUD = """
displayName: d
maxTrialCount: 2
studySpec:
  metrics: [{metricId: loss, goal: MINIMIZE}]
  parameters: [{parameterId: lr, doubleValueSpec: {minValue: 0.01, maxValue: 1.0, defaultValue: 0.5}}]
"""
VERTEX = ("--root", "gs://b/r", "--image", "eu.pkg.dev/p/r/i:1", "--trial-machine-type", "n1-standard-4")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project"))
    project.write("conf/config.yaml", CONFIG.replace("  - model: small\n", "  - model: small\n  - optimizer: adam\n"))
    project.write("conf/optimizer/adam.yaml", "beta: 0.9\n")
    project.write("conf/optimizer/sgd.yaml", "momentum: 0.9\n")
    project.write("search.yaml", SWEEP)
    return project


def run(project: Project, folder: str, *options: str) -> dict[str, Any]:
    ended = project.hydra_vertex("run", "--search", "search.yaml", "--out", folder, "--json", *options, *APP)
    assert ended.code == 0, ended.stderr
    return {**json.loads(ended.stdout), "stderr": ended.stderr}


def job(project: Project, folder: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project.path / folder / "job.json").read_text())
    return document


def trials(project: Project, folder: str) -> list[dict[str, Any]]:
    return [{p["parameterId"]: p["value"] for p in trial["parameters"]} for trial in job(project, folder)["trials"]]


def test_a_study_begins_with_the_app_s_own_config_and_goes_on_with_more_trials(project: Project) -> None:
    result = run(project, "first", "--trials", "8")

    assert [trial["state"] for trial in job(project, "first")["trials"]] == ["SUCCEEDED"] * 8
    first = trials(project, "first")
    assert first[0] == OWN
    assert all(("optimizer.momentum" in trial) == (trial["optimizer"] == "sgd") for trial in first)
    assert result["againstDefaults"]["trial"] == "1"
    assert result["againstDefaults"]["value"] == 4.0
    assert result["seed"] == job(project, "first")["labels"]["hydra-vertex-seed"]
    assert f"with the seed {result['seed']}" in result["stderr"]
    header = Path(project.path, "first/best.yaml").read_text().splitlines()[2]
    assert header.startswith("# Best against your defaults: val/loss")
    page = Path(project.path, "first/report.html").read_text()
    assert "Best against your defaults: val/loss" in page
    assert f"seed {result['seed']}" in page

    more = run(project, "first", "--trials", "10", "--parallel", "1")
    assert "has 8 trials, and goes on to 10" in more["stderr"]
    assert trials(project, "first")[:8] == first
    assert len(trials(project, "first")) == 10

    fewer = run(project, "first", "--trials", "3", "--no-check")
    assert "has 10 trials, and starts no more with --trials 3" in fewer["stderr"]
    assert len(trials(project, "first")) == 10

    other = project.hydra_vertex("run", "--search", "search.yaml", "--out", "first", "--seed", "1", *APP)
    assert other.code == 2
    assert f"the study in the folder has the seed {result['seed']}; leave the option out" in other.stderr


def test_a_seed_that_was_written_down_gives_the_same_study_and_a_new_one_another(project: Project) -> None:
    options = ("--trials", "3", "--parallel", "1", "--no-baseline")
    seed = run(project, "drawn", *options)["seed"]
    run(project, "again", *options, "--seed", seed)
    run(project, "other", *options)

    assert trials(project, "again") == trials(project, "drawn")
    assert trials(project, "other") != trials(project, "drawn")
    assert trials(project, "drawn")[0] != OWN


def test_check_shows_conditions_and_the_first_trial(project: Project) -> None:
    ended = project.hydra_vertex("check", "--search", "search.yaml", "--json", *APP)
    document = json.loads(ended.stdout)

    assert document["findings"] == []
    assert document["firstTrial"].startswith("the first trial is the app's own config: lr=0.1 depth=1")
    (optimizer,) = [p for p in document["studySpec"]["parameters"] if p["parameterId"] == "optimizer"]
    (child,) = optimizer["conditionalParameterSpecs"]
    assert child["parentCategoricalValues"] == {"values": ["sgd"]}
    table = project.hydra_vertex("check", "--search", "search.yaml", "--no-baseline", *APP).stdout
    assert "only with" in table
    assert "optimizer=sgd" in table
    assert "the first trial" not in table


def test_a_job_for_vertex_has_conditions_but_no_defaults_and_says_so(project: Project) -> None:
    ended = project.hydra_vertex("job", "--search", "search.yaml", "-o", "job.json", *VERTEX, *APP)

    assert ended.code == 0, ended.stderr
    assert "the app's own config is not the first trial on Vertex AI" in ended.stderr
    text = Path(project.path, "job.json").read_text()
    assert "conditionalParameterSpecs" in text
    assert "defaultValue" not in text
    quiet = project.hydra_vertex("job", "--search", "search.yaml", "-o", "job.json", "--no-baseline", *VERTEX, *APP)
    assert "first trial" not in quiet.stderr


def test_a_default_value_of_the_user_s_file_is_sent_as_by_gcloud_and_said(project: Project) -> None:
    project.write("own.yaml", GCLOUD)
    ended = project.hydra_vertex("job", "--search", "own.yaml", "-o", "own.json", *VERTEX, *APP)

    assert ended.code == 0, ended.stderr
    assert "own.yaml has default values, which are sent" in ended.stderr
    assert '"defaultValue": 0.5' in Path(project.path, "own.json").read_text()
