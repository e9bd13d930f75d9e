"""`check` and `run` with variables that refer to secrets of Secret Manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.apps import Ended, Project, make_project
from trial.secrets.fake_google import TOKEN, serving_google

REFERENCE = "projects/my-project/secrets/password/versions/2"
VALUE = "S3CRET-of-secret-manager"
APP = """
import os
import hydra
from pathlib import Path

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    if folder := os.environ.get("AIP_MODEL_DIR"):
        Path(folder, "length.txt").write_text(f"{len(os.environ['DB_PASSWORD'])} {os.environ['OF_THE_SHELL']}")
    if config.depth == 2:
        raise ValueError(f"cannot connect with {os.environ['DB_PASSWORD']}")
    return config.lr

if __name__ == "__main__":
    main()
"""
SEARCH = """
displayName: secret
maxTrialCount: 3
parallelTrialCount: 1
studySpec:
  metrics: [{metricId: loss, goal: MINIMIZE}]
  algorithm: GRID_SEARCH
  parameters:
  - {parameterId: lr, discreteValueSpec: {values: [0.5]}}
  - {parameterId: depth, discreteValueSpec: {values: [1, 2, 3]}}
trialJobSpec:
  workerPoolSpecs:
  - machineSpec: {machineType: n1-standard-4}
    replicaCount: 1
    containerSpec:
      imageUri: image
      env: [{name: DB_PASSWORD, value: %s}]
"""


def project_with(folder: Path, reference: str) -> Project:
    project = make_project(folder)
    project.write("app.py", APP)
    project.write("search.yaml", SEARCH % reference)
    return project


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Ended]]:
    project = project_with(tmp_path_factory.mktemp("project"), REFERENCE)
    with serving_google() as google, pytest.MonkeyPatch.context() as patch:
        google.secrets[REFERENCE] = VALUE.encode()
        for name, value in {**google.environ, "OF_THE_SHELL": REFERENCE}.items():
            patch.setenv(name, value)
        yield project, project.hydra_vertex("run", "--search", "search.yaml", "--out", "out", "--", "python", "app.py")


def test_the_trials_and_the_retraining_get_the_value(finished: tuple[Project, Ended]) -> None:
    project, ended = finished
    assert ended.code == 0, ended.stderr
    lengths = {path.read_text() for path in (project.path / "out").rglob("length.txt")}
    assert lengths == {f"{len(VALUE)} {REFERENCE}"}
    assert (project.path / "out/model/length.txt").exists()


def test_the_value_stands_in_no_document_and_report(finished: tuple[Project, Ended]) -> None:
    """Only the log of the trial, as the app itself has written it, has it."""
    project, ended = finished
    files = [path for path in (project.path / "out").rglob("*") if path.is_file()]
    assert len(files) > 20
    having = {path.name for path in files if VALUE.encode() in path.read_bytes()}
    logs = [name for name in having if name == "log.txt" or (name.startswith("trial-") and name.endswith(".log"))]
    assert having == set(logs)
    assert VALUE not in ended.stdout + ended.stderr
    assert "cannot connect with ***" in (project.path / "out/job.json").read_text()
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)
    assert REFERENCE in (project.path / "out/job.json").read_text()
    assert "which the run stores" not in ended.stderr


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_malformed_reference_is_refused_by_its_path(tmp_path: Path, command: str) -> None:
    project = project_with(tmp_path, "projects/my-project/secrets/password/2")
    ended = project.hydra_vertex(command, "--search", "search.yaml", "--", "python", "app.py")
    assert ended.code == 2
    assert "trialJobSpec.workerPoolSpecs[0].containerSpec.env[0].value (DB_PASSWORD) is a malformed ref" in ended.stderr
    assert "expected projects/PROJECT/secrets/SECRET" in ended.stderr
    assert not (project.path / "runs").exists()
