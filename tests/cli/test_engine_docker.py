"""`hydra-vertex run --engine docker` with an image that has the app: a whole study, and one that is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from service.harness import wait_until

pytestmark = pytest.mark.docker

TRIAL_IMAGE, IMAGE = "localhost/hydra-vertex-trial:engine-docker", "localhost/hydra-vertex-app:engine-docker"
LIMIT_S = 900
PROGRAM = Path(sys.executable).with_name("hydra-vertex")

APP = """
import os
import time

import hydra


@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(cfg):
    folder = os.environ.get("AIP_MODEL_DIR", "").replace("gs://", "/gcs/")
    if folder:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "model.txt"), "a") as file:
            file.write(f"{os.getuid()} {os.getpid()}\\n")
    time.sleep(cfg.seconds)
    return (cfg.x - 0.3) ** 2


main()
"""
SEARCH = """
hydra:
  sweeper:
    direction: minimize
    n_trials: 4
    n_jobs: 2
    params:
      x: interval(0, 1)
"""


def docker(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an app that is in the image IMAGE too."""
    if shutil.which("docker") is None or docker("info").returncode != 0:
        pytest.skip("no Docker engine answers `docker info`")
    folder = tmp_path_factory.mktemp("app")
    (folder / "conf").mkdir()
    (folder / "conf/config.yaml").write_text("x: 0.5\nseconds: 0\n")
    (folder / "train.py").write_text(APP)
    (folder / "search.yaml").write_text(SEARCH)
    (folder / "Dockerfile").write_text(f"FROM {TRIAL_IMAGE}\nCOPY train.py .\nCOPY conf conf\n")
    for arguments in (
        ("build", "--network", "host", "--target", "trial", "--tag", TRIAL_IMAGE, str(ROOT)),
        ("build", "--tag", IMAGE, str(folder)),
    ):
        built = docker(*arguments)
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    yield folder
    docker("image", "rm", "--force", IMAGE)


def command(out: Path, *app: str) -> list[str]:
    engine = ("--engine", "docker", "--engine-set", "network=none", "--engine-set", "pull=never", "--image", IMAGE)
    study = ("--search", "search.yaml", "--out", str(out), "--seed", "1", "--no-retrain")
    return [str(PROGRAM), "run", *engine, *study, "--", "python", "train.py", *app]


def assert_each_trial_ran_once(out: Path) -> None:
    job = json.loads((out / "job.json").read_text())
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED"] * 4
    models = list((out / "studies").rglob("model.txt"))
    assert len(models) == 4
    uid = os.geteuid() or 1000
    for model in models:
        (line,) = model.read_text().splitlines()
        assert line.startswith(f"{uid} ")


def test_a_study_runs_in_containers(app: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"

    ended = subprocess.run(command(out), cwd=app, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    assert ended.returncode == 0, ended.stderr
    assert_each_trial_ran_once(out)
    assert (out / "best.yaml").exists()


def test_a_run_that_was_killed_goes_on_with_its_containers(app: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with (tmp_path / "output").open("w") as output:
        first = subprocess.Popen(
            command(out, "seconds=4"), cwd=app, stdout=output, stderr=output, start_new_session=True
        )
    service = out / "studies/service.json"
    wait_until(lambda: list((out / "studies").rglob("model.txt")), LIMIT_S)
    os.kill(json.loads(service.read_text())["pid"], signal.SIGKILL)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(LIMIT_S)

    ended = subprocess.run(
        command(out, "seconds=4"), cwd=app, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert_each_trial_ran_once(out)
