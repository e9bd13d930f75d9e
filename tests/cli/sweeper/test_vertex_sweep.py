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
PLACE = ("project=p", "location=europe-west4", "bucket=gs://b/runs", "image=gcr.io/p/train:1")
PARENT = "projects/p/locations/europe-west4"
(DOCUMENTED,) = re.findall(r"^\$ python (branin.*)$", (ROOT / "docs/sweep-on-vertex.md").read_text(), re.MULTILINE)
MORE = "'hydra.sweeper.label={team: x}' hydra.sweeper.trial_machine_type=g2-standard-8 hydra.sweep.dir=own y=12.5"


def keys(*values: str) -> list[str]:
    return [f"hydra.sweeper.{value}" for value in values]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_app(tmp_path_factory.mktemp("project"))
    for name, text in FILES:
        project.write(name, text)
    return project


@pytest.fixture(scope="module")
def url(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The trials start in the folder of the service, as in the working directory of an image.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.path)
        service = start(tmp_path_factory.mktemp("service") / "studies")
    with service:
        yield service.url


def jobs(url: str, of: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/v1/{PARENT}/hyperparameterTuningJobs", trust_env=False).json()
    return [job for job in answer.get("hyperparameterTuningJobs", []) if of in json.dumps(job)]


def run_documented(project: Project, url: str, *more: str) -> Ended:
    words = [*shlex.split(f"{DOCUMENTED} {MORE}".replace("http://127.0.0.1:8080", url)), *more]
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=project.path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def finished(project: Project, url: str) -> Ended:
    ended = run_documented(project, url)
    assert ended.code == 0, ended.stderr
    return ended


def test_a_sweep_is_one_job_with_the_image_the_machine_and_the_bucket(finished: Ended, url: str) -> None:
    (job,) = jobs(url, "branin")
    spec = job["trialJobSpec"]
    (pool,) = spec["workerPoolSpecs"]

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert (job["displayName"], job["maxTrialCount"], job["labels"]["team"]) == ("branin", 3, "x")
    assert (pool["machineSpec"]["machineType"], pool["machineSpec"]["acceleratorType"]) == (
        "g2-standard-8",
        "NVIDIA_L4",
    )
    assert pool["containerSpec"]["imageUri"] == "train:1"
    assert spec["baseOutputDirectory"]["outputUriPrefix"].startswith("gs://b/runs/")


def test_the_command_in_the_image_is_the_typed_one_without_the_sweep_and_this_python(finished: Ended, url: str) -> None:
    (job,) = jobs(url, "branin")
    container = job["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    words = [*container["command"], *container.get("args", [])]

    assert words[0] == "hydra-trial"
    assert words[words.index("--") + 1 :] == ["python", "branin.py", "y=12.5"]


def test_the_sweep_folder_has_the_files_of_a_sweep_on_this_machine_but_no_folders_of_trials(
    finished: Ended, project: Project
) -> None:
    folder = project.path / "own"

    assert {path.name for path in folder.iterdir()} == {
        *("study", "best.yaml", "report.html", "optimization_results.yaml", "multirun.yaml", "search.yaml"),
        "sweep.json",
    }
    results = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    job = read_job(folder / "study/job.json")
    best = min(value for trial in job.trials if (value := trial.objective(job.study_spec.objective.id)) is not None)
    assert (results["name"], results["best_value"]) == ("vertex", best)
    assert set(results["best_params"]) == {"x"}
    assert f"Best value: {best}" in finished.stdout


def test_the_job_has_the_label_of_its_folder_by_which_it_is_found_after_a_lost_answer(
    finished: Ended, project: Project, url: str
) -> None:
    (job,) = jobs(url, "branin")
    (files,) = (project.path / "own/study/pipeline").iterdir()

    assert job["labels"][RUN_LABEL].endswith(f"{files.name}-tune-job")
    recorded = json.loads((files / "tune/gcp_resources").read_text())
    assert recorded["resources"][0]["resourceUri"] == f"{url}/v1/{job['name']}"


def test_a_finished_sweep_shows_its_result_again_and_makes_no_other_job(
    finished: Ended, project: Project, url: str
) -> None:
    again = run_documented(project, url)

    assert again.code == 0, again.stderr
    assert "goes on with the sweep of the same command in own" in again.stderr
    assert "Best value" in again.stdout
    assert len(jobs(url, "branin")) == 1


def test_the_folder_of_another_job_is_refused(finished: Ended, project: Project, url: str) -> None:
    other = run_documented(project, url, "hydra.sweeper.n_trials=4")

    assert other.code == 2
    assert "the sweep of another command (different: n_trials)" in other.stderr
    assert len(jobs(url, "branin")) == 1


def started_sweep(project: Project, task: str, url: str, *more: str) -> subprocess.Popen[str]:
    words = command(SWEEP, f"task={task}", *keys(f"endpoint={url}", *PLACE, "no_check=true", *more))
    return subprocess.Popen(
        words, cwd=project.path, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )


def stopped_at(started: subprocess.Popen[str], text: str, signum: signal.Signals) -> str:
    """Send a signal when the sweep has printed a text, and return what it prints afterwards."""
    with started:
        assert started.stderr is not None
        assert any(text in line for line in started.stderr)
        os.killpg(started.pid, signum)
        return started.stderr.read()


def test_a_killed_sweep_goes_on_with_its_job_when_the_command_is_given_again(project: Project, url: str) -> None:
    # What belongs to one start may differ.
    killed = started_sweep(project, "killed", url, "detach=true")
    stopped_at(killed, "trial 1 ACTIVE", signal.SIGKILL)

    ended = run_app(project, SWEEP, "task=killed", *keys(f"endpoint={url}", *PLACE, "no_check=true"))

    assert killed.returncode == -signal.SIGKILL
    assert ended.code == 0, ended.stderr
    (folder,) = (project.path / "logs/killed").iterdir()
    (job,) = jobs(url, "task=killed")
    assert read_job(folder / "study/job.json").name == job["name"]
    assert (folder / "best.yaml").exists()


def test_a_stopped_sweep_cancels_its_job_and_says_what_there_is(project: Project, url: str) -> None:
    started = started_sweep(project, "stopped", url)
    message = stopped_at(started, "trial 1 ACTIVE", signal.SIGTERM)

    (job,) = jobs(url, "task=stopped")
    (folder,) = (project.path / "logs/stopped").iterdir()
    assert started.returncode == 130
    assert f"{job['name']} is cancelled" in message
    assert "-m pkg.train -m hparams_search=mine task=stopped" in message
    assert f"For what there is: hydra-vertex report {folder}/study" in message
    assert read_job(folder / "study/job.json").state in {JobState.CANCELLING, JobState.CANCELLED}
    assert not (folder / "optimization_results.yaml").exists()
    wait_until(lambda: jobs(url, "task=stopped")[0]["state"] == "JOB_STATE_CANCELLED")


def test_a_job_that_did_not_succeed_ends_the_sweep_with_its_reason(project: Project, url: str) -> None:
    ended = run_app(project, SWEEP, "task=failing", "limit=0.0", *keys(f"endpoint={url}", *PLACE, "no_check=true"))

    assert ended.code == 1
    assert "the app's own error" in ended.stderr
    (folder,) = (project.path / "logs/failing").iterdir()
    assert f"{folder}/study belongs to this job" in ended.stderr
    assert read_job(folder / "study/job.json").state is JobState.FAILED
    assert not (folder / "optimization_results.yaml").exists()


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
