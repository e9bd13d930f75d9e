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
from hydra_vertex.protocol.interpreter import find_python, fits_this_python, is_python, is_this_python
from hydra_vertex.trial.log import tell

from .wrapper_words import is_wrapper

ACCEPTED = "python train.py, python -m package.app, or a program that starts one"

_SWITCHES = frozenset({"-u", "-O", "-OO", "-B", "-E", "-s", "-I", "-P", "-q", "-b", "-bb", "-v"})
_VALUED = frozenset({"-W", "-X"})
_SHEBANG = re.compile(r"#!\s*(?P<interpreter>\S*python[\d.]*)|#!\s*\S*/env\s+(-S\s+)?(?P<name>python[\d.]*)")
_LONG_SHEBANG = re.compile(r"#!/bin/sh\n'''exec' \"?(?P<interpreter>[^\"\n]*python[\d.]*)\"? ")


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
    """A program that starts the app, or an app that is not Python. `path` is the executable file found on PATH."""

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


def parse_app_command(command: Sequence[str], *, by_launcher: bool = False) -> AppCommand:
    """Parse the app's command. Raises CommandError when it names no existing program, script or interpreter.

    `by_launcher` means that a launcher such as torchrun has started this interpreter for the app, whatever is on PATH.
    """
    if is_wrapper(command):
        return _program_command(command)
    if is_python(command[0]):
        return _interpreter_command(command, by_launcher)
    return _script_command(command)


def _program_command(command: Sequence[str]) -> AppCommand:
    first = command[0]
    found = find_python(first) or (sys.executable if is_python(first) and fits_this_python(first) else None)
    if found is None:
        raise CommandError(f"{first}: no such command; the app's command is {ACCEPTED}")
    return AppCommand((first,), (first,), (), Program(found), tuple(command[1:]))


def _interpreter_command(command: Sequence[str], by_launcher: bool) -> AppCommand:
    position = 1
    while position < len(command) and command[position].startswith("-") and command[position] != "-m":
        position += _option_words(command[position])
    head, rest = tuple(command[:position]), command[position:]
    target, words = _target(rest, head)
    other = None if by_launcher else _other_interpreter(head[0])
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
        return _program_command(command)
    other = _other_interpreter(word)
    return AppCommand((command[0],), (command[0],), (other,) if other else (), Script(found), tuple(command[1:]))


def _script_interpreter(path: Path) -> str | None:
    """Return the Python in a script's shebang line, None without one. Installers use two lines for a long path."""
    with path.open("rb") as file:
        start = file.read(4096).decode("utf-8", "replace")
    match = _LONG_SHEBANG.match(start) or _SHEBANG.match(start)
    return match and (match["interpreter"] or match["name"])


def _other_interpreter(word: str) -> str | None:
    """Return the path of the interpreter that `word` names; None when this process runs the app.

    That is so when this interpreter is the named one, and when PATH has none of the name and this one fits it.
    """
    found = find_python(word)
    if found is None and fits_this_python(word):
        tell(f"no {word} is on PATH; the app runs in {sys.executable}")
        return None
    if found is None:
        raise CommandError(f"{word}: no such interpreter; {PROGRAM} itself runs in {sys.executable}")
    return None if is_this_python(Path(found)) else found
