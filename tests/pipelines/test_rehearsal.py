"""`hydra-vertex submit --endpoint` of an embedded service: the very request runs on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiler import compile_pipeline
from pipelines.apps import CONFIG, make_project
from service.harness import PIPELINE_RUNNER, start, wait_until

ENDED = {"PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED"}
WHERE = ("--project", "p", "--location", "us-central1", "--root", "gs://bucket/runs", "--image", "gcr.io/p/i:1")


def submit(folder: Path, url: str, *options: str, search: str = "search.yaml") -> subprocess.CompletedProcess[str]:
    """Run the command as a child, so that its stdout is complete."""
    command = [sys.executable, "-m", "hydra_vertex.cli.main", "submit", "pipeline.json", *WHERE, "--search", search]
    return subprocess.run(
        [*command, "--endpoint", url, *options, "--", "python", "app.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def ended_job(url: str, name: str, token: str = "") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def job() -> dict[str, Any]:
        return dict(httpx.get(f"{url}/v1/{name}", headers=headers, trust_env=False).json())

    wait_until(lambda: job()["state"] in ENDED, limit_s=120)
    return job()


def test_the_request_is_rehearsed_and_json_is_the_only_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path).path
    compile_pipeline(project / "pipeline.json", image="gcr.io/p/i:1")
    # The steps run in the folder of the service, as trials do.
    monkeypatch.chdir(project)
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service:
        sent = submit(project, service.url, "--json", "--label", "team=x", "--trials", "2")
        assert sent.returncode == 0, sent.stderr
        answer = json.loads(sent.stdout)
        job = ended_job(service.url, answer["name"])
        tuning = httpx.get(f"{service.url}/v1/projects/p/locations/us-central1/hyperparameterTuningJobs").json()

    assert answer["console"] == ""
    assert "gs://bucket/runs is the folder gcs/bucket/runs of the service; no bucket is used" in sent.stderr
    assert "Traceback" not in sent.stderr
    assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job["error"]
    assert job["labels"]["team"] == "x"
    assert [each["state"] for each in job["jobDetail"]["taskDetails"]] == ["SUCCEEDED"] * 3
    assert [each["state"] for each in tuning["hyperparameterTuningJobs"]] == ["JOB_STATE_SUCCEEDED"]
    run = tmp_path / "studies" / "gcs" / "bucket" / "runs" / f"{answer['name'].rpartition('/')[2]}-1"
    assert (run / "retrain" / "model" / "model.txt").is_file()


def test_the_steps_of_a_pipeline_send_the_token_that_the_service_requires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path).path
    compile_pipeline(project / "pipeline.json", image="gcr.io/p/i:1")
    token = tmp_path / "token"
    token.write_text("a-token-of-the-user")
    monkeypatch.chdir(project)
    with start(tmp_path / "studies", *PIPELINE_RUNNER, "--token-file", str(token)) as service:
        monkeypatch.setenv("HYDRA_VERTEX_TOKEN_FILE", str(token))
        sent = submit(project, service.url, "--json", "--trials", "1")
        assert sent.returncode == 0, sent.stderr
        job = ended_job(service.url, json.loads(sent.stdout)["name"], token.read_text())

    assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job["error"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--experiment", "runs"), "--experiment runs: the embedded service has no experiments"),
        (("--cron", "0 3 * * 1"), "--cron 0 3 * * 1: the embedded service has no schedules"),
        (("--max-runs", "3"), "--max-runs is for schedules; give --cron too"),
        (("--queue-runs",), "--queue-runs is for schedules"),
    ],
)
def test_what_a_rehearsal_cannot_have_is_refused_before_anything_is_sent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    compile_pipeline(Path("pipeline.json"), image="gcr.io/p/i:1")
    nobody = ("--endpoint", "http://127.0.0.1:9", "--search", "search.yaml")

    assert main(["submit", "pipeline.json", *WHERE, *nobody, *options, "--", "python", "app.py"]) == 2
    assert says in capfd.readouterr().err


def test_the_best_configurations_are_repeated_on_the_service_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path)
    project.write("conf/config.yaml", f"{CONFIG}seed: 1\n")
    compile_pipeline(project.path / "pipeline.json", image="gcr.io/p/i:1")
    monkeypatch.chdir(project.path)
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service:
        repeats = ("--confirm", "2", "--repeats", "2", "--seed-key", "seed")
        sent = submit(project.path, service.url, "--json", "--trials", "3", *repeats)
        assert sent.returncode == 0, sent.stderr
        job = ended_job(service.url, json.loads(sent.stdout)["name"])
        tuning = httpx.get(f"{service.url}/v1/projects/p/locations/us-central1/hyperparameterTuningJobs").json()
        study = tuning["hyperparameterTuningJobs"][1]["name"]
        best = main(["best", study, "--endpoint", service.url, "-o", "best.yaml", "--", "python", "app.py"])

    assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job
    confirmation = tuning["hyperparameterTuningJobs"][0]
    assert len(tuning["hyperparameterTuningJobs"]) == 2
    assert confirmation["labels"]["hydra_vertex_confirms"] == study.rpartition("/")[2]
    assert "then the best 2 again with 2 seeds each (seed = 1000 to 1001): 4 further trials" in sent.stderr
    assert "/trials/confirmation/" in confirmation["trialJobSpec"]["baseOutputDirectory"]["outputUriPrefix"]
    assert best == 0
    # The app does not use the seed.
    head = (project.path / "best.yaml").read_text()
    assert "# The ranking is not settled: the seed (seed) has no effect" in head
