"""Builds and runs the image with a real Docker engine. Without one the tests are skipped, with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_images import BUILD_LIMIT_S, RUN_LIMIT_S, built, docker, remove, run
from hydra_vertex.pipelines.image.docker_cli import inspected
from hydra_vertex.pipelines.image.secrets_in_image import exposed_secrets
from release.version import project_version

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    name = built("app")
    yield name
    remove(name)


@pytest.fixture(scope="module")
def trial() -> Iterator[str]:
    name = built("trial")
    yield name
    remove(name)


def test_the_image_starts_hydra_trial(image: str) -> None:
    ended = run(image)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("usage: hydra-trial")


def test_the_image_s_label_is_the_version_of_the_installed_package(image: str) -> None:
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'

    assert docker("inspect", "--format", label, image).stdout.strip() == project_version()
    assert run(image, "--version").stdout == f"hydra-trial {project_version()}\n"


def test_a_trial_runs_as_an_ordinary_user_without_a_network(image: str) -> None:
    program = "import os, getpass; print(os.getuid(), os.getgid(), getpass.getuser())"
    assert run(image, "-c", program, entrypoint="python").stdout.split() == ["1000", "0", "trainer"]

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


TEAM = """
FROM {image}
COPY train.py /opt/app/
WORKDIR /opt/app
"""
SMALL_APP = """
import hydra

@hydra.main(config_path=None, version_base=None)
def main(cfg):
    return cfg.x * 2

main()
"""


def test_the_trial_image_has_hydra_trial_hydra_and_hypertune_and_nothing_more(trial: str) -> None:
    listed = run(trial, "-m", "pip", "list", "--local", "--format=freeze", entrypoint="python").stdout.split()

    assert {line.split("==")[0].lower() for line in listed} - {"pip", "setuptools"} == {
        *("hydra-vertex", "hydra-core", "omegaconf", "antlr4-python3-runtime", "packaging", "pyyaml"),
        "cloudml-hypertune",
    }


@pytest.mark.parametrize("user", ["1000:0", "123456:0", "123456:123456"])
def test_a_team_s_image_runs_as_any_user_with_a_read_only_root(trial: str, tmp_path: Path, user: str) -> None:
    name = f"{trial}-team"
    (tmp_path / "Dockerfile").write_text(TEAM.format(image=trial))
    (tmp_path / "train.py").write_text(SMALL_APP)
    ended = docker("build", "--network", "none", "--tag", name, str(tmp_path), limit_s=BUILD_LIMIT_S)
    assert ended.returncode == 0, ended.stderr
    options = ("--read-only", "--tmpfs", "/tmp", "--user", user)  # noqa: S108 - in the container
    try:
        ended = run(
            name,
            *("--metric", "y", "--", "python", "train.py", "+x=1", "hydra.run.dir=/tmp/out", "--x=21"),
            options=options,
        )
    finally:
        remove(name)

    assert ended.returncode == 0, ended.stderr
    assert "hydra-trial: y = 42.0" in ended.stderr


@pytest.mark.parametrize(("target", "title"), [("trial", "hydra-vertex-trial"), ("app", "hydra-vertex")])
def test_the_labels_are_those_of_the_open_container_initiative(target: str, title: str) -> None:
    name = built(target)
    config = inspected(name)["Config"]
    assert isinstance(config, dict)
    labels = config["Labels"]
    assert isinstance(labels, dict)

    assert labels.pop("org.opencontainers.image.description")
    assert labels == {
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.version": project_version(),
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.base.name": "python:3.11-slim",
    }


@pytest.mark.parametrize("target", ["trial", "app"])
def test_no_layer_variable_or_label_has_a_secret(target: str) -> None:
    name = built(target)
    config = inspected(name)["Config"]
    history = docker("image", "history", "--no-trunc", "--format", "{{.CreatedBy}}", name).stdout.splitlines()
    assert isinstance(config, dict)
    assert len(history) > 5

    assert list(exposed_secrets(config, history)) == []


def test_a_base_with_another_user_and_packages_of_its_own_keeps_them(tmp_path: Path) -> None:
    base, name = f"localhost/hydra-vertex-base:{tmp_path.name}", f"localhost/hydra-vertex-on-base:{tmp_path.name}"
    module = "python3 -c \"import site; open(site.getsitepackages()[0] + '/framework.py', 'w').write('VERSION = 7')\""
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.11-slim\nRUN mkdir -p /usr/local/lib && {module}\nUSER 4321\n")
    try:
        assert docker("build", "--tag", base, str(tmp_path), limit_s=BUILD_LIMIT_S).returncode == 0
        arguments = ("--network", "host", "--target", "trial", "--build-arg", f"BASE={base}", "--tag", name, ".")
        ended = docker("build", *arguments, limit_s=BUILD_LIMIT_S)
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]

        program = "import framework, hydra, hydra_vertex.trial; print(framework.VERSION)"
        assert run(name, "-c", program, entrypoint="python").stdout.split() == ["7"]
    finally:
        remove(name, base)
