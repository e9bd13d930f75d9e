"""Names of images, and an engine that does not answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hydra_vertex.pipelines.image.docker_cli import (
    DockerError,
    ImageName,
    docker_shown,
    parse_image_name,
    require_engine,
    run_container,
)
from hydra_vertex.protocol.errors import CommandError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("train", ImageName("", "train", "latest")),
        ("train:1", ImageName("", "train", "1")),
        ("team/train:1", ImageName("", "team/train", "1")),
        ("localhost/train", ImageName("localhost", "train", "latest")),
        ("localhost:5000/a/b:x", ImageName("localhost:5000", "a/b", "x")),
        ("127.0.0.1:5000/a:1", ImageName("127.0.0.1:5000", "a", "1")),
        ("registry:5000/a:1", ImageName("registry:5000", "a", "1")),
        ("europe-docker.pkg.dev/p/r/train:1.0", ImageName("europe-docker.pkg.dev", "p/r/train", "1.0")),
    ],
)
def test_the_registry_is_what_has_a_dot_a_port_or_is_localhost(text: str, name: ImageName) -> None:
    assert parse_image_name(text) == name
    assert parse_image_name(str(name)) == name


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        ("h:5000/a/b:1", "h:5000/a/b"),
        ("docker.io/team/train:1", "team/train"),
        ("docker.io/train", "train"),
        ("index.docker.io/library/train:1", "train"),
    ],
)
def test_the_repository_is_named_as_the_engine_names_it_with_a_digest(text: str, repository: str) -> None:
    assert parse_image_name(text).repository == repository


def test_a_container_that_has_not_ended_in_time_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n[ $1 = rm ] || exec sleep 60\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    with pytest.raises(DockerError, match="docker run has not ended"):
        run_container(["image"], 1.0)

    started, removed = (tmp_path / "calls").read_text().splitlines()
    assert removed == f"rm --force --volumes {started.split()[started.split().index('--name') + 1]}"


@pytest.mark.parametrize(
    "text",
    ["", "Train", "train:", "a@sha256:" + "0" * 64, "a//b", "-a", "a b", "http://h/a", "a:b:c", "a:" + "x" * 129],
)
def test_what_is_no_name_of_an_image_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="not a name that an image can be given"):
        parse_image_name(text)


def test_a_machine_without_docker_is_told_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CommandError, match="the command docker is not on PATH"):
        require_engine()


def test_an_engine_that_does_not_answer_is_named_with_what_docker_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon at unix:///x' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    with pytest.raises(CommandError, match=r"no Docker engine answers .* \(Cannot connect to the Docker daemon"):
        require_engine()


def test_the_colours_of_the_classic_builder_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "docker"
    program.write_text(
        "#!/bin/sh\nprintf '\\033[91mERROR: no hydra-core\\n\\033[0mThe command returned 1\\n'\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    assert docker_shown(["build", "."]) == (1, ("ERROR: no hydra-core", "The command returned 1"))
    assert capfd.readouterr().err == "ERROR: no hydra-core\nThe command returned 1\n"
