"""`hydra-vertex image` without an engine: what is refused by name, and the Dockerfile that would be built."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.apps import Project, make_project

APP = ("--", "python", "app.py")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path)
    project.write("requirements.txt", "hydra-core\n")
    return project


def test_a_dry_run_prints_the_dockerfile_and_needs_no_engine(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///absent")
    project.write(".env", "TOKEN=x\n")

    ended = project.hydra_vertex("image", "-t", "train:1", "--dry-run", *APP)
    document = project.hydra_vertex("image", "-t", "train:1", "--dry-run", "--json", *APP)

    assert ended.code == 0, ended.stderr
    assert ended.stdout.startswith("FROM python:3.")
    assert json.loads(document.stdout) == {
        "schema": "urn:hydra-vertex:image-recipe:1.0",
        "image": "train:1",
        "dockerfile": ended.stdout,
        "leftOut": [".env"],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-t", "train:1"), "the app's command is missing"),
        (("-t", "Train", *APP), "'Train': not a name that an image can be given"),
        (("-t", "train:1", "--push", *APP), "--push: train:1 names no registry"),
        (("-t", "h.io/a", "--push", "--dry-run", *APP), "--push and --dry-run contradict each other"),
        (("-t", "a", "--context", "absent", *APP), "--context absent: there is no such folder"),
        (("-t", "a", "--file", "absent", *APP), "--file absent: there is no such file"),
        (("-t", "a", "--from", "b", "--file", "c", *APP), "not allowed with argument"),
        (("-t", "a", "--from", "b", "--base", "c", *APP), "--base: has no effect with --from"),
        (("-t", "a", "--file", "app.py", "--base", "c", *APP), "--base: has no effect with app.py"),
        (("-t", "a", "--build-arg", "A=b", *APP), "--build-arg: has no effect with a Dockerfile that is written"),
        (("-t", "a", "--build-arg", "A_TOKEN=b12", *APP), "--build-arg A_TOKEN looks like a secret"),
        (("-t", "a", "--hydra-vertex", "x", *APP), "--hydra-vertex 'x': expected a version"),
        (("-t", "a", "--", "python", "absent.py"), "absent.py: there is no such file"),
        (("-t", "a", "--context", "conf", *APP), "has none of Dockerfile, uv.lock, requirements.txt, pyproject.toml"),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_refused_by_name(
    project: Project, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///absent")

    ended = project.hydra_vertex("image", *arguments)

    assert ended.code == 2
    assert message in ended.stderr
    assert ended.stdout == ""


def test_a_pipeline_that_was_compiled_for_another_image_is_not_run_in_this_one(project: Project) -> None:
    compiled = project.hydra_vertex("compile", "-o", "pipeline.json", "--image", "h/other:1")
    assert compiled.code == 0, compiled.stderr
    options = ("--runner", "docker", "--image", "h/this:1", "--pipeline", "pipeline.json", "--out", "out")

    ended = project.hydra_vertex("run", "--search", "search.yaml", *options, *APP)

    assert ended.code == 2
    assert "has the image h/other:1, and --image is h/this:1; give that one" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image", "a"), "--image: trials are processes of this machine; choose where containers run"),
        (("--runner", "docker", "--image", "a", "--engine", "docker"), "leave one of the two out"),
        (("--network", "none"), "--network needs --runner docker"),
        (("--docker-option=--gpus=all",), "--docker-option needs --runner docker"),
        (("--runner", "docker"), "--runner docker needs --image"),
        (("--runner", "docker", "--image", "a", "--docker-option=gpus"), "expected one option of `docker run`"),
        (("--runner", "docker", "--image", "a", "--docker-option=--network=x"), "give --network to hydra-vertex"),
        (("--runner", "docker", "--image", "a", "--docker-option=-d"), "hydra-vertex gives this option itself"),
        (("--runner", "docker", "--image", "a"), "no Docker engine answers `docker info`"),
    ],
)
def test_options_of_a_run_in_containers_are_refused_before_anything_starts(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    program = project.write("bin/docker", "#!/bin/sh\necho 'no engine' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    ended = project.hydra_vertex("run", "--search", "search.yaml", "--out", "out", *arguments, *APP)

    assert ended.code == 2
    assert message in ended.stderr
    assert not (tmp_path / "out").exists()


def test_sigterm_ends_docker_s_command_too(project: Project, tmp_path: Path) -> None:
    answers = "info) echo 20.10 x86_64;; build) echo started $$; exec sleep 600;;"
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncase "$1" in\n{answers}\nesac\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "hydra_vertex.cli.main", "image", "-t", "train:1", *APP]
    with subprocess.Popen(
        command, cwd=project.path, env={**os.environ, "PATH": path}, stderr=subprocess.PIPE, text=True
    ) as image:
        assert image.stderr is not None
        child = next(int(line.split()[1]) for line in image.stderr if line.startswith("started "))
        image.send_signal(signal.SIGTERM)

        try:
            assert image.wait(30) == 130
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
