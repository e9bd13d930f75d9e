"""The arguments of a compiled pipeline, for Kubeflow Pipelines without Vertex AI."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import ROOT
from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
from hydra_vertex.pipelines.compiler import compile_pipeline

STUDY = ("--search", "search.yaml", "--image", "registry/train:1")
APP = ("--", "python", "train.py")


@pytest.fixture(autouse=True)
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(ROOT / "examples/kubernetes", tmp_path / "app")
    monkeypatch.chdir(folder)
    return folder


def test_the_arguments_are_those_of_the_compiled_pipeline(app: Path) -> None:
    options = ("--trial-machine-type", "small", "--root", "gs://b/runs", "--endpoint", "http://tuning:8080")

    assert main(["arguments", *STUDY, *options, "-o", "arguments.json", *APP]) == 0

    arguments = json.loads((app / "arguments.json").read_text())
    compile_pipeline(app / "pipeline.yaml")
    read_pipeline(app / "pipeline.yaml").check_arguments(arguments)
    (pool,) = json.loads(arguments["trial_job_spec"])["workerPoolSpecs"]
    assert pool["containerSpec"] == {"imageUri": "registry/train:1"}
    assert pool["machineSpec"] == {"machineType": "small"}
    assert (arguments["study_root"], arguments["api_endpoint"]) == ("gs://b/runs", "http://tuning:8080")
    # Of the app, which was asked: its own value is the first trial's.
    assert json.loads(arguments["study_spec"])["parameters"][0]["doubleValueSpec"]["defaultValue"] == 0.01


def test_without_a_file_they_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arguments", *STUDY, *APP]) == 0
    assert json.loads(capsys.readouterr().out)["project"] == "local"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--search", "search.yaml", *APP), "--image is missing"),
        ((*STUDY, "--root", "runs", *APP), "--root runs: expected a folder in a bucket"),
        ((*STUDY, "--endpoint", "tuning:8080", *APP), "--endpoint tuning:8080: expected a URL, such as http://tuning"),
        ((*STUDY, "--endpoint", "http://a:port", *APP), "--endpoint http://a:port: expected a URL"),
        ((*STUDY, "-o", "search.yaml/a.json", *APP), "search.yaml/a.json: cannot be written"),
        ((*STUDY, "--", "python", "train.py", "lrr=1"), "lrr"),
        (STUDY, "--"),
    ],
)
def test_what_cannot_be_is_refused(words: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arguments", *words]) != 0
    assert message in capsys.readouterr().err
