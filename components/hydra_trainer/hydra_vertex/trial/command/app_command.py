"""Parses the app's command: the Python file, module or program that it names, and the interpreter that runs it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hydra_vertex.protocol.command import PROGRAM
from hydra_vertex.protocol.errors import CommandError

ACCEPTED = "python train.py, python -m package.app, or an executable"

_PYTHON = re.compile(r"python(?P<version>\d+(\.\d+)?)?(\.exe)?")
_SWITCHES = frozenset({"-u", "-O", "-OO", "-B", "-E", "-s", "-I", "-P", "-q", "-b", "-bb", "-v"})
_VALUED = frozenset({"-W", "-X"})
_SHEBANG = re.compile(r"#!\s*(?P<interpreter>\S*python[\d.]*)|#!\s*\S*/env\s+(-S\s+)?(?P<name>python[\d.]*)")
_LONG_SHEBANG = re.compile(r"#!/bin/sh\n'''exec' \"?(?P<interpreter>[^\"\n]*python[\d.]*)\"? ")
_LAUNCHERS = frozenset({"torchrun", "accelerate", "deepspeed", "torch.distributed.run", "torch.distributed.launch"})


@dataclass(frozen=True, slots=True)
class Script:
    """A Python file. `path` is the value of `sys.argv[0]` in the app."""

    path: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module, or a package that has a `__main__` module."""

    name: str


@dataclass(frozen=True, slots=True)
class Program:
    """An executable that is not a Python script. `path` is the executable file found on PATH."""

    path: str


Target: TypeAlias = Script | Module | Program


@dataclass(frozen=True, slots=True)
class AppCommand:
    """`program` contains the words before `arguments`; `head` contains those of them that name the interpreter.

    `interpreter` is the command line of another Python, or of this one with options, that has to run the app; it is
    empty when this process can run the app.
    """

    program: tuple[str, ...]
    head: tuple[str, ...]
    interpreter: tuple[str, ...]
    target: Target
    arguments: tuple[str, ...]


def parse_app_command(command: Sequence[str]) -> AppCommand:
    """Parse the app's command. Raises CommandError when it names no existing program, script or interpreter."""
    first = command[0]
    if first in _LAUNCHERS:
        raise _launcher(first)
    if _PYTHON.fullmatch(Path(first).name):
        return _interpreter_command(command)
    return _script_command(command)


def _interpreter_command(command: Sequence[str]) -> AppCommand:
    position = 1
    while position < len(command) and command[position].startswith("-") and command[position] != "-m":
        position += _option_words(command[position])
    head, rest = tuple(command[:position]), command[position:]
    target, words = _target(rest, head)
    other = _other_interpreter(head[0])
    interpreter = (other or sys.executable, *head[1:]) if other or head[1:] else ()
    return AppCommand((*head, *rest[:words]), head, interpreter, target, tuple(rest[words:]))


def _option_words(option: str) -> int:
    if option in _SWITCHES or (option[:2] in _VALUED and len(option) > len("-X")):
        return 1
    if option in _VALUED:
        return 2
    allowed = ", ".join(sorted(_SWITCHES | _VALUED))
    raise CommandError(f"python {option} cannot be run as a Hydra app; allowed before the script: -m, {allowed}")


def _target(rest: Sequence[str], head: Sequence[str]) -> tuple[Target, int]:
    match rest:
        case ["-m", name, *_]:
            if name in _LAUNCHERS:
                raise _launcher(name)
            return Module(name), 2
        case [path, *_] if path != "-m":
            if not Path(path).is_file():
                raise CommandError(f"{path}: no such Python file in {Path.cwd()}; the app's command is {ACCEPTED}")
            return Script(path), 1
        case _:
            raise CommandError(f"{' '.join(head)}: no script or module follows; the app's command is {ACCEPTED}")


def _script_command(command: Sequence[str]) -> AppCommand:
    found = shutil.which(command[0])
    if found is None:
        raise CommandError(f"{command[0]}: no such command; the app's command is {ACCEPTED}")
    word = _script_interpreter(Path(found))
    if word is None:
        return AppCommand((command[0],), (command[0],), (), Program(found), tuple(command[1:]))
    other = _other_interpreter(word)
    return AppCommand((command[0],), (command[0],), (other,) if other else (), Script(found), tuple(command[1:]))


def _script_interpreter(path: Path) -> str | None:
    """Return the Python in a script's shebang line, None without one. Installers use two lines for a long path."""
    with path.open("rb") as file:
        start = file.read(4096).decode("utf-8", "replace")
    match = _LONG_SHEBANG.match(start) or _SHEBANG.match(start)
    return match and (match["interpreter"] or match["name"])


def _other_interpreter(word: str) -> str | None:
    """Return the path of the interpreter that `word` names; None when it is the one that runs this process."""
    if "/" not in word:
        match = _PYTHON.fullmatch(word)
        version = match["version"] if match else None
        if version in (None, str(sys.version_info.major), f"{sys.version_info.major}.{sys.version_info.minor}"):
            return None
        found = shutil.which(word)
    else:
        found = shutil.which(str(Path(word).absolute()))
    if found is None:
        raise CommandError(f"{word}: no such interpreter; `python` is the one that runs {PROGRAM}: {sys.executable}")
    return None if _is_this_python(Path(found)) else found


def _is_this_python(path: Path) -> bool:
    """Compare folder and file, because several virtual environments may link to the same file."""
    this = Path(sys.executable)
    return path.parent.resolve() == this.parent.resolve() and path.resolve() == this.resolve()


def _launcher(name: str) -> CommandError:
    return CommandError(
        f"{name} starts the app in processes that {PROGRAM} does not control; let it start {PROGRAM} instead: "
        "torchrun --nproc-per-node 2 -m hydra_vertex.trial train.py ..."
    )
