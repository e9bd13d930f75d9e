"""The app's script and its folder in the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.pipelines.image.app_place import script_of, workdir_in_image
from hydra_vertex.protocol.errors import CommandError


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("python train.py a=1", "train.py"),
        ("python3.11 -u src/train.py", "src/train.py"),
        (".venv/bin/python train.py", "train.py"),
        ("python -m pkg.train a.py", ""),
        ("python -c pass", ""),
        ("./train.py", "./train.py"),
        ("train.py", "train.py"),
        ("my-train a=1", ""),
        ("torchrun --nproc-per-node 2 train.py", ""),
        ("python", ""),
    ],
)
def test_the_script_of_a_command(command: str, script: str) -> None:
    assert script_of(command.split()) == script


def test_the_command_starts_in_the_folder_of_the_image_that_is_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/train.py").touch()

    assert workdir_in_image(tmp_path, tmp_path, ("python", "jobs/train.py")) == "/app"
    assert workdir_in_image(tmp_path, tmp_path / "jobs", ("python", "train.py")) == "/app/jobs"


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (("python", "../train.py"), r"\.\./train\.py: lies outside the context"),
        (("python", "absent.py"), r"absent\.py: there is no such file in"),
        (("/usr/bin/python3", "train.py"), r"/usr/bin/python3: a path of this machine"),
    ],
)
def test_an_app_that_the_image_would_not_have_is_refused(tmp_path: Path, app: tuple[str, ...], message: str) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (tmp_path / "train.py").touch()
    (context / "train.py").touch()

    with pytest.raises(CommandError, match=message):
        workdir_in_image(context, context, app)


def test_an_absolute_script_and_a_folder_outside_the_context_are_refused(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    script = context / "train.py"
    script.touch()

    with pytest.raises(CommandError, match="an absolute path, which the image does not have"):
        workdir_in_image(context, context, ("python", str(script)))
    with pytest.raises(CommandError, match="lies outside the context"):
        workdir_in_image(context, tmp_path, ("python", "train.py"))
