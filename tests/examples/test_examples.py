"""Runs each example as its README says, in a copy of its folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from docs.commands import documented, with_options
from service.harness import start

PAGE = "examples/README.md"
EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent
LIMIT_S = 300.0


def copied(name: str, folder: Path) -> Path:
    return shutil.copytree(EXAMPLES / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "runs"))


def run(folder: Path, *command: str, **variables: str) -> str:
    """Run a command in a folder, as a shell with this environment's programs. Return its stdout."""
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_data_preparation_feeds_the_trials_and_the_retraining(tmp_path: Path) -> None:
    folder = copied("data_tune_evaluate", tmp_path)
    run(folder, *documented(PAGE, "hydra-vertex component"))
    run(folder, *documented(PAGE, "python pipeline.py"))

    printed = run(
        folder, *documented(PAGE, "hydra-vertex run-pipeline"), "trials=3", "worst_error=9", "--out", "out", "--json"
    )

    steps = json.loads(printed)["steps"]
    assert set(steps) == {"prepare", "tune", "select-best", "retrain", "evaluate", "release"}
    points = steps["prepare"]["artifacts"]["points"]["uri"]
    job = json.loads(Path(steps["tune"]["artifacts"]["job"]["uri"]).read_text())
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert len(job["trials"]) == 3
    command = job["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]["command"]
    assert command[command.index("--") + 1 :] == ["python", "train.py", f"data.path={points}"]
    assert f"data.path={points}" in steps["retrain"]["artifacts"]["model"]["metadata"]["overrides"]
    assert f"data.path={points}" in steps["select-best"]["parameters"]["reproduce"]
    model = json.loads(Path(steps["retrain"]["artifacts"]["model"]["uri"], "model.json").read_text())
    assert steps["evaluate"]["artifacts"]["metrics"]["metadata"] == {"slope": model["slope"]}
    assert steps["evaluate"]["parameters"]["Output"] == abs(model["slope"] - 3)


def test_a_model_that_is_not_good_enough_is_not_released(tmp_path: Path) -> None:
    folder = copied("data_tune_evaluate", tmp_path)
    run(folder, "hydra-vertex", "component", "tune_and_retrain", "--data", "Dataset", "-o", "tune_and_retrain.yaml")
    run(folder, "python", "pipeline.py")

    printed = run(folder, "hydra-vertex", "run-pipeline", "nightly.yaml", "trials=2", "worst_error=0", "--json")

    assert "release" not in json.loads(printed)["steps"]


def test_an_app_like_lightning_hydra_template_is_tuned(tmp_path: Path) -> None:
    folder = copied("lightning_template", tmp_path)
    assert len([line for line in (folder / "train.py").read_text().splitlines() if line]) <= 12

    command = documented(PAGE, "hydra-vertex run --search configs/hparams_search/line.yaml")
    printed = run(folder, *with_options(command, "--out", "out", "--json"))

    found = json.loads(printed)
    job = json.loads((folder / "out" / "job.json").read_text())
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED"] * 2
    assert {each["parameterId"] for each in job["studySpec"]["parameters"]} == {"model.lr", "data.batch_size"}
    assert found["value"] == min(trial["finalMeasurement"]["metrics"][0]["value"] for trial in job["trials"])


@pytest.fixture
def job_folder(tmp_path: Path) -> Path:
    return copied("gcloud_and_sdk", tmp_path)


@pytest.fixture
def service(tmp_path: Path, job_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service whose trials run in the example's folder, as in the image."""
    monkeypatch.chdir(job_folder)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    with start(tmp_path / "studies") as started:
        yield started.url


def test_the_sdk_alone_runs_a_custom_job_and_a_tuning_job(job_folder: Path, service: str) -> None:
    words = {"PROJECT": "p", "BUCKET": "b", "http://127.0.0.1:8080": service}
    command = [words.get(word, word) for word in documented(PAGE, "python submit_jobs.py")]
    printed = run(job_folder, *command, PYTHONWARNINGS="ignore")

    lines = [line.split() for line in printed.splitlines() if line[:1].isdigit()]
    assert [number for number, _ in lines] == ["1", "2", "3", "4"]
    assert all(0 <= float(loss) - 1 <= 6 for _, loss in lines)


def test_the_command_of_gcloud_is_that_of_the_file(job_folder: Path) -> None:
    lines = [line for line in (job_folder / "tuning_job.yaml").read_text().splitlines() if line.startswith("#")]
    text = " ".join(line.lstrip("# ").rstrip("\\") for line in lines)

    assert text.split() == documented(PAGE, "gcloud ai hp-tuning-jobs")


def test_gcloud_alone_runs_a_custom_job_and_a_tuning_job(job_folder: Path, service: str, tmp_path: Path) -> None:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    variables = {
        "CLOUDSDK_CONFIG": str(tmp_path / "config"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{service}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": "p",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
    }

    for file in ("custom_job.yaml", "tuning_job.yaml"):
        # The first lines of each file are its command.
        lines = [line for line in (job_folder / file).read_text().splitlines() if line.startswith("#")]
        command = " ".join(line.lstrip("# ").rstrip("\\") for line in lines).split()
        created = json.loads(run(job_folder, *command, "--format=json", **variables))
        assert ended(service, created["name"]) == "JOB_STATE_SUCCEEDED"


def ended(service: str, name: str) -> str:
    """Wait for the end of a job and return its state."""
    import time
    import urllib.request

    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{service}/v1/{name}") as answer:  # noqa: S310 - loopback
            state = str(json.load(answer)["state"])
        if state.removeprefix("JOB_STATE_") in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return state
        time.sleep(0.2)
    raise AssertionError(f"{name} has not ended")
