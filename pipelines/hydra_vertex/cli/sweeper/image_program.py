"""The command of the trials in an image: that of this machine, with paths relative to the app's folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError, SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from .program import program_end
from .request import plain_key

_PYTHONS = ("python", "python3")
_SWEEP_FOLDERS = "hydra.sweep."
_OTHER_URL = re.compile(r"\b(?!file:)[a-zA-Z][\w+.-]*://[^\s,\]})'\"]*")
_INTERPOLATED = re.compile(r"\$\{[^{}]*\}[^\s,\]})'\"]*")
_BETWEEN = re.compile(r"[\s,=:\[\]{}()'\"]+")
_IN_EVERY_IMAGE = frozenset({"/", "/tmp", "/var/tmp", "/dev/null", "/dev/shm"})  # noqa: S108 - texts to compare with
_MOUNT = "/gcs"
"""Where Vertex AI mounts buckets in a trial."""


def image_program(program: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return the command of the trials in an image, whose working directory has what `folder` has here.

    `program` is the command of this machine: an absolute Python, its options, the script or module, and arguments.
    Raises CommandError for a program, and for a path of this machine in an argument, that the image cannot have.
    """
    at = program_end(program)
    words = program[at:]
    for word in (*program[1 : at - 1], *words):
        _require_travels(word, folder)
    return (*_start(program[:at], folder), *words)


def require_params_travel(sweeper: JsonObject, folder: Path) -> None:
    """Raises SearchSpaceError for a value of the search space that is a path of this machine."""
    params = sweeper.get("params")
    for key, value in params.items() if isinstance(params, dict) else ():
        for text in _texts(value):
            if path := path_here(text, folder):
                raise SearchSpaceError(f"hydra.sweeper.params.{key}: {_problem(path)}")


def path_here(text: str, folder: Path) -> str:
    """Return the first path in a text that exists on this machine outside `folder`'s own tree; empty for none."""
    plain = _INTERPOLATED.sub("", _OTHER_URL.sub("", text))
    return next((part for part in _BETWEEN.split(plain) if _is_here(part, folder)), "")


def _start(start: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return the words up to the script or module, without what is about this machine."""
    executable, name = Path(start[0]), start[-1]
    if start[-2] == "-m":
        return (_python(executable), *start[1:])
    script = Path(name)
    if script.is_absolute() and script.parent == executable.parent:
        if len(start) > len((executable, script)):
            raise CommandError(
                f"{excerpt(name)} is an installed command, for which python takes no options; type it alone"
            )
        return (script.name,)
    return (_python(executable), *start[1:-1], _relative(script, folder))


def _python(executable: Path) -> str:
    """Return the name of Python in the image, which has to be that of this Python too: it checks the app here."""
    found = next((name for name in _PYTHONS if (executable.parent / name).exists()), "")
    if not found:
        raise CommandError(f"{executable.parent} has no {' or '.join(_PYTHONS)}, the names of Python in an image")
    return found


def _relative(script: Path, folder: Path) -> str:
    relative = os.path.relpath(folder / script, folder)
    if relative == os.pardir or relative.startswith(os.pardir + os.sep):
        raise CommandError(
            f"{script} is outside of the working directory {folder}, so its place in the image is unknown; start the "
            "sweep in the folder that is the working directory of the image"
        )
    return relative


def _require_travels(word: str, folder: Path) -> None:
    key = word.partition("=")[0]
    if plain_key(key).startswith(_SWEEP_FOLDERS):
        raise CommandError(f"{excerpt(key)}: the output of a trial on Vertex AI is in the bucket; leave it out")
    if path := path_here(word, folder):
        raise CommandError(f"{excerpt(key)}: {_problem(path)}")


def _problem(path: str) -> str:
    return (
        f"{excerpt(path)} is a path of this machine, which a trial on Vertex AI does not have; use a path in the app's "
        f"folder, or {_MOUNT}/BUCKET/…, where a trial has the bucket gs://BUCKET"
    )


def _is_here(part: str, folder: Path) -> bool:
    path = part.rstrip("/") or part
    if path.startswith("~/"):
        return _exists(Path(path))
    if path.startswith("/"):
        plain = os.path.normpath("/" + path.lstrip("/"))
        is_in_image = plain in _IN_EVERY_IMAGE or plain.startswith(_MOUNT + "/")
        return not is_in_image and _exists(Path(plain))
    return path.split("/")[0] == os.pardir and _exists(folder / path)


def _exists(path: Path) -> bool:
    """Whether a path exists; a text that cannot be a path, such as a long one, is none."""
    try:
        return path.expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _texts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for item in value.values():
                yield from _texts(item)
        case _:
            return
