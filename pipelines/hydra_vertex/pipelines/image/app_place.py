"""Finds the script of an app's command on this machine, and where the command starts in the image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError

from .written_dockerfile import FOLDER

_PYTHON = re.compile(r"python(\d(\.\d+)?)?")


def script_of(app: Sequence[str]) -> str:
    """Return the path of the script in `python [-FLAG …] train.py …` or `./train.py …`; empty for any other command."""
    first, *others = app
    if not _PYTHON.fullmatch(PurePosixPath(first).name):
        return first if "/" in first or first.endswith(".py") else ""
    word = next((other for other in others if not other.startswith("-")), "")
    before = others[: others.index(word)] if word else others
    return "" if {"-m", "-c"} & set(before) else word


def workdir_in_image(context: Path, folder: Path, app: Sequence[str]) -> str:
    """Return the folder of the image in which the app's command starts. `folder` is where it starts on this machine.

    Raises CommandError when the command's script would not be in the image.
    """
    inside = folder.resolve()
    if not inside.is_relative_to(context.resolve()):
        raise CommandError(
            f"the working directory {folder} lies outside the context {context}; start the command in it"
        )
    _require_python_of_image(app[0])
    if script := script_of(app):
        _require_inside(script, context.resolve(), folder)
    return str(PurePosixPath(FOLDER, inside.relative_to(context.resolve()).as_posix()))


def _require_python_of_image(program: str) -> None:
    if program.startswith("/"):
        raise CommandError(
            f"{excerpt(program)}: a path of this machine, which the image does not have; give the program by its name, "
            f"such as {PurePosixPath(program).name}"
        )


def _require_inside(script: str, context: Path, folder: Path) -> None:
    path = (folder / script).resolve()
    if not path.is_relative_to(context):
        raise CommandError(f"{excerpt(script)}: lies outside the context {context}; give --context a folder above both")
    if script.startswith("/"):
        raise CommandError(
            f"{excerpt(script)}: an absolute path, which the image does not have; give it relative to {folder}"
        )
    if not path.exists():
        raise CommandError(f"{excerpt(script)}: there is no such file in {folder}, so the image would not have the app")
