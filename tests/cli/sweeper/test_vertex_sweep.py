"""Sweeps with `hydra.sweeper.endpoint`: one tuning job of a service elsewhere, here the embedded one at its URL."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cli.sweeper.apps import command, make_app, run_app
from cli.sweeper.test_documented_sweeps import FILES
from conftest import ROOT
from hydra_vertex.job import JobState
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.study.one_job import RUN_LABEL
from pipelines.apps import Ended, Project, environment
from service.harness import start, wait_until

SWEEP = "hparams_search=mine"
MACHINE = ("trial_machine_type=g2-standard-8", "trial_accelerator=NVIDIA_L4", "label=[team=x]")
PLACE = ("project=p", "location=europe-west4", "bucket=gs://b/runs", "image=gcr.io/p/train:1")
PARENT = "projects/p/locations/europe-west4"


def keys(*values: str) -> list[str]:
    return [f"hydra.sweeper.{value}" for value in values]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_app(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def url(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The trials start in the folder of the service, as in the working directory of an image.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.path)
        service = start(tmp_path_factory.mktemp("service") / "studies")
    with service:
        yield service.url


def jobs(url: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/v1/{PARENT}/hyperparameterTuningJobs", trust_env=False).json()
    return list(answer.get("hyperparameterTuningJobs", []))


def sweep_of(project: Project, task: str) -> Path:
    (folder,) = (project.path / "logs" / task).iterdir()
    return folder


@pytest.fixture(scope="module")
def finished(project: Project, url: str) -> Ended:
    ended = run_app(project, SWEEP, "task=whole", "limit=0.9", *keys(f"endpoint={url}", *PLACE, *MACHINE))
    assert ended.code == 0, ended.stderr
    return ended


def test_a_sweep_is_one_job_with_the_image_the_machine_and_the_bucket(finished: Ended, url: str) -> None:
    (job,) = [job for job in jobs(url) if "task=whole" in str(job)]
    spec = job["trialJobSpec"]
    (pool,) = spec["workerPoolSpecs"]

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert (job["displayName"], job["maxTrialCount"], job["labels"]["team"]) == ("the study", 3, "x")
    assert pool["machineSpec"] == {
        "machineType": "g2-standard-8", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 1
    }  # fmt: skip
    assert pool["containerSpec"]["imageUri"] == "gcr.io/p/train:1"
    assert spec["baseOutputDirectory"]["outputUriPrefix"].startswith("gs://b/runs/")


def test_the_command_in_the_image_is_that_of_the_app_without_this_machine_s_python(finished: Ended, url: str) -> None:
    (job,) = [job for job in jobs(url) if "task=whole" in str(job)]
    container = job["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    words = [*container["command"], *container.get("args", [])]

    assert words[0] == "hydra-trial"
    assert words[words.index("--") + 1 :] == ["python", "-m", "pkg.train", SWEEP, "task=whole", "limit=0.9"]


def test_the_sweep_folder_has_the_files_of_a_sweep_on_this_machine_but_no_folders_of_trials(
    finished: Ended, project: Project
) -> None:
    folder = sweep_of(project, "whole")

    assert {path.name for path in folder.iterdir()} == {
        *("study", "best.yaml", "report.html", "optimization_results.yaml", "multirun.yaml", "search.yaml"),
        "sweep.json",
    }
    results = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    job = read_job(folder / "study/job.json")
    best = min(trial.objective("val/loss") or 9.0 for trial in job.trials)
    assert (results["name"], results["best_value"]) == ("vertex", best)
    assert set(results["best_params"]) == {"lr", "model"}
    assert finished.stdout.splitlines()[-1] == f"ended in {os.path.relpath(folder, project.path)}"


def test_a_finished_sweep_shows_its_result_again_and_makes_no_other_job(project: Project, url: str) -> None:
    words = (SWEEP, "hydra.sweep.dir=own", "hydra.sweeper.n_trials=1", *keys(f"endpoint={url}", *PLACE))
    first = run_app(project, *words)
    before = jobs(url)

    again = run_app(project, *words)

    assert (first.code, again.code) == (0, 0), again.stderr
    assert "goes on with the sweep of the same command in own" in again.stderr
    assert "Best value" in again.stdout
    assert jobs(url) == before
    other = run_app(project, *words, "hydra.sweeper.n_trials=2")
    assert other.code == 2
    assert "the sweep of another command (different: n_trials)" in other.stderr
    assert jobs(url) == before


def started_sweep(project: Project, task: str, url: str, *more: str) -> subprocess.Popen[str]:
    words = command(SWEEP, f"task={task}", *keys(f"endpoint={url}", *PLACE, "no_check=true", *more))
    return subprocess.Popen(
        words, cwd=project.path, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )


def wait_for_trial(started: subprocess.Popen[str], number: int) -> None:
    assert started.stderr is not None
    assert any(f"trial {number} ACTIVE" in line for line in started.stderr)


def test_a_killed_sweep_goes_on_with_its_job_when_the_command_is_given_again(project: Project, url: str) -> None:
    with started_sweep(project, "killed", url) as started:
        wait_for_trial(started, 1)
        os.killpg(started.pid, signal.SIGKILL)
    (job,) = [job for job in jobs(url) if "task=killed" in str(job)]

    ended = run_app(project, SWEEP, "task=killed", *keys(f"endpoint={url}", *PLACE, "no_check=true"))

    assert ended.code == 0, ended.stderr
    assert "goes on with the sweep of the same command" in ended.stderr
    assert [found["name"] for found in jobs(url) if "task=killed" in str(found)] == [job["name"]]
    assert read_job(sweep_of(project, "killed") / "study/job.json").state is JobState.SUCCEEDED
    assert (sweep_of(project, "killed") / "best.yaml").exists()


def test_a_stopped_sweep_cancels_its_job_and_the_same_command_then_starts_another_sweep(
    project: Project, url: str
) -> None:
    with started_sweep(project, "stopped", url) as started:
        wait_for_trial(started, 1)
        started.send_signal(signal.SIGTERM)
        assert started.stderr is not None
        message = started.stderr.read()
    (job,) = [job for job in jobs(url) if "task=stopped" in str(job)]

    assert started.returncode == 130
    assert f"{job['name']} is cancelled" in message
    assert "For what there is: hydra-vertex report" in message
    wait_until(lambda: httpx.get(f"{url}/v1/{job['name']}", trust_env=False).json()["state"] == "JOB_STATE_CANCELLED")
    assert not (sweep_of(project, "stopped") / "optimization_results.yaml").exists()

    again = run_app(project, SWEEP, "task=stopped", *keys(f"endpoint={url}", *PLACE, "no_check=true"))

    assert again.code == 0, again.stderr
    assert len([found for found in jobs(url) if "task=stopped" in str(found)]) == 2
    assert len(list((project.path / "logs/stopped").iterdir())) == 2


def test_a_detached_sweep_leaves_its_job_which_the_same_command_takes_up(project: Project, url: str) -> None:
    with started_sweep(project, "detached", url, "detach=true") as started:
        wait_for_trial(started, 1)
        started.send_signal(signal.SIGTERM)
        assert started.stderr is not None
        message = started.stderr.read()
    assert started.returncode == 130
    assert "the job goes on (on_stop is detach)" in message
    assert "-m pkg.train -m hparams_search=mine task=detached" in message

    again = run_app(project, SWEEP, "task=detached", *keys(f"endpoint={url}", *PLACE, "no_check=true"))

    assert again.code == 0, again.stderr
    assert len([found for found in jobs(url) if "task=detached" in str(found)]) == 1


def test_a_job_that_did_not_succeed_ends_the_sweep_with_its_reason(project: Project, url: str) -> None:
    ended = run_app(
        project, SWEEP, "task=failing", "limit=0.0", *keys(f"endpoint={url}", *PLACE, "no_check=true", "n_jobs=1")
    )

    assert ended.code == 1
    assert "the app's own error" in ended.stderr
    assert "Traceback (most recent call last)" not in ended.stderr.partition("pkg/train.py")[0]
    folder = sweep_of(project, "failing")
    assert read_job(folder / "study/job.json").state is JobState.FAILED
    assert not (folder / "optimization_results.yaml").exists()


def test_a_lost_answer_leaves_one_job_with_the_run_s_label(finished: Ended, project: Project, url: str) -> None:
    (job,) = [job for job in jobs(url) if "task=whole" in str(job)]
    (files,) = (sweep_of(project, "whole") / "study/pipeline").iterdir()

    assert job["labels"][RUN_LABEL].endswith(f"{files.name}-tune-job")
    recorded = json.loads((files / "tune/gcp_resources").read_text())
    assert recorded["resources"][0]["resourceUri"] == f"{url}/v1/{job['name']}"


def test_the_documented_rehearsal_runs(tmp_path: Path) -> None:
    for name, text in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    page = (ROOT / "docs/sweep-on-vertex.md").read_text()
    (line,) = re.findall(r"^\$ python (branin.*)$", page, re.MULTILINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        service = start(tmp_path / "studies")
    with service:
        words = shlex.split(line.replace("http://127.0.0.1:8080", service.url))
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert len(jobs(service.url)) == 1
    (folder,) = tmp_path.glob("multirun/*/*")
    assert set(yaml.safe_load((folder / "optimization_results.yaml").read_text())) == {
        "name",
        "best_params",
        "best_value",
    }


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (keys("endpoint=vertex", "project=p"), "and hydra.sweeper.location, hydra.sweeper.bucket, hydra.sweeper.image"),
        (keys("endpoint=vertex", PLACE[0], "location=europe-west77", *PLACE[2:]), "europe-west77: Vertex AI has no"),
        (keys("endpoint=vertex", *PLACE, "strategy='spot,flex-start'"), "--strategy: a job has one strategy"),
        (keys("endpoint=vertex", *PLACE, "trial_accelerator=NVIDIA_L5"), "NVIDIA_L5"),
        ([*keys("endpoint=vertex", *PLACE), "+data=/usr/lib"], "data: /usr/lib is a path of this machine"),
        ([*keys("endpoint=vertex", *PLACE), "+data=choice(/usr/lib,b)"], "params.+data: /usr/lib is a path of this"),
    ],
)
def test_what_a_job_elsewhere_cannot_have_is_refused_by_name_before_anything_is_sent(
    project: Project, words: list[str], named: str
) -> None:
    ended = run_app(project, SWEEP, "task=refused", *words)

    assert ended.code == 2, ended.stderr
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
