"""The build context of a folder without .dockerignore: secrets, outputs and environments are left out."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from hydra_vertex.pipelines.image.context import DOCKERFILE_NAME, default_context


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.production", ".netrc", ".pypirc", ".npmrc", ".git-credentials", "id_rsa", "id_ed25519.pub"),
        *("certs/server.pem", "tls.key", "gcp/my-service-account.json", "credentials.json", "src/.env"),
        *(
            ".aws/credentials",
            ".ssh/config",
            ".git/config",
            ".venv/pyvenv.cfg",
            "env3/pyvenv.cfg",
            "a/__pycache__/b.pyc",
        ),
        *("outputs/1/x", "multirun/x", "runs/x", "wandb/x", "mlruns/x", "lightning_logs/x"),
    ],
)
def test_secrets_outputs_and_environments_are_not_sent(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "train.py")

    context = default_context(tmp_path)

    assert name not in context.sent
    assert any(name == path or name.startswith(f"{path}/") for path in context.left_out)
    assert "train.py" in context.sent


@pytest.mark.parametrize(
    "name", ["conf/env/cartpole.yaml", "src/runs/a.py", "src/outputs.py", "data/keys.csv", "a.json"]
)
def test_code_and_data_are_sent(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)

    assert name in default_context(tmp_path).sent
    assert default_context(tmp_path).left_out == ()


def test_what_is_no_file_is_not_sent_and_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")

    context = default_context(tmp_path)

    assert context.sent == ("link",)
    assert archive_of(tmp_path).getmember("link").issym()


def test_the_archive_tells_nothing_about_the_users_of_this_machine(tmp_path: Path) -> None:
    write(tmp_path, "a/train.py")
    (tmp_path / "a/train.py").chmod(0o600)

    member = archive_of(tmp_path).getmember("a/train.py")

    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
    assert member.mode & 0o777 == 0o644


def test_docker_recognises_the_archive_by_its_first_block(tmp_path: Path) -> None:
    write(tmp_path, f"{'long' * 60}.py")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        default_context(tmp_path).write(archive, "FROM scratch\n")

    first = tarfile.TarInfo.frombuf(stream.getvalue()[:512], "utf-8", "strict")

    assert first.name == DOCKERFILE_NAME
    assert first.isreg()


def archive_of(folder: Path) -> tarfile.TarFile:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        default_context(folder).write(archive, "FROM scratch\n")
    stream.seek(0)
    return tarfile.open(fileobj=stream)
