"""Builds and runs the image with a real Docker engine. Without one the tests are skipped, with the reason."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from conftest import ROOT
from release.version import project_version

pytestmark = pytest.mark.docker

TAG = "localhost/hydra-vertex:test"
BUILD_LIMIT_S = 1500
RUN_LIMIT_S = 300


def docker(*arguments: str, limit_s: float = RUN_LIMIT_S) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=limit_s, check=False
    )


@pytest.fixture(scope="module")
def image() -> str:
    if shutil.which("docker") is None or docker("info").returncode != 0:
        pytest.skip("no Docker engine answers `docker info`")
    version = ("--build-arg", f"VERSION={project_version()}")
    built = docker("build", "--network", "host", *version, "--tag", TAG, ".", limit_s=BUILD_LIMIT_S)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return TAG


def run(image: str, *arguments: str, entrypoint: str = "") -> subprocess.CompletedProcess[str]:
    other = ("--entrypoint", entrypoint) if entrypoint else ()
    return docker("run", "--rm", "--network", "none", *other, image, *arguments)


def test_the_image_starts_hydra_trial(image: str) -> None:
    ended = run(image)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("usage: hydra-trial")


def test_the_image_s_label_is_the_version_of_the_installed_package(image: str) -> None:
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'

    assert docker("inspect", "--format", label, image).stdout.strip() == project_version()
    assert run(image, "--version").stdout == f"hydra-trial {project_version()}\n"


def test_a_trial_runs_as_an_ordinary_user_without_a_network(image: str) -> None:
    assert run(image, "-c", "import os; print(os.getuid())", entrypoint="python").stdout.strip() == "1000"

    app = ("--", "python", "trainer/train.py", "experiment=docs", "trainer.max_steps=2")
    ended = run(image, "--metric", "val/loss", *app, "--optimizer.lr=0.003", "--model.depth=1.0")

    assert ended.returncode == 0, ended.stderr
    assert "hydra-trial: val/loss = " in ended.stderr


@pytest.mark.parametrize("module", ["hydra_vertex.launcher.steps.tune", "hydra_vertex.launcher.steps.select_best"])
def test_the_launcher_s_steps_start_in_the_same_image(image: str, module: str) -> None:
    ended = run(image, "-m", module, "--executor_input", "{}", entrypoint="python")

    assert ended.returncode == 2
    assert "outputs.outputFile: expected a path, got None" in ended.stderr


def test_the_pipeline_compiles_in_the_image(image: str) -> None:
    ended = run(image, "compile", "-o", "pipeline.json", entrypoint="hydra-vertex")

    assert ended.returncode == 0, ended.stderr


WAITING_APP = """
import os, sys, time
import hydra

@hydra.main(config_path=None, version_base=None)
def main(cfg):
    print("waiting as", os.getpid(), flush=True)
    time.sleep(120)

main()
"""


def test_a_stopped_container_exits_at_once_and_logs_the_reason(image: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(WAITING_APP)
    tmp_path.chmod(0o755)
    started = docker("run", "--detach", "--volume", f"{tmp_path}:/app:ro", image, "--", "python", "/app/app.py")
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        wait_for_output(container, "waiting as")
        # After this number of seconds Docker would kill the container, with exit code 137.
        stopped = docker("stop", "--time", "60", container)
        assert stopped.returncode == 0, stopped.stderr
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "143"
        assert "waiting as 1" not in docker("logs", container).stdout
        assert "the app was ended by signal 15 (SIGTERM)" in docker("logs", container).stderr
    finally:
        docker("rm", "--force", container)


def wait_for_output(container: str, text: str) -> None:
    deadline = time.monotonic() + RUN_LIMIT_S
    while text not in docker("logs", container).stdout:
        assert time.monotonic() < deadline, docker("logs", container)
        time.sleep(0.2)
