"""Tool calls as command lines of hydra-vertex. Pure, except that paths are resolved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.best.members import FOLDER
from hydra_vertex.protocol.errors import CommandError, OutputError
from hydra_vertex.protocol.json import Json, JsonObject

from .rules import Rules, require_plain_override

SMOKE_LIMIT_S = 600.0
_MARKS = {"best.yaml": b"# @package _global_\n# Trial ", "report.html": b"Made by hydra-vertex from the job document"}
"""What the files have that `best` and `report` write, and other files do not have."""
_MOST_BYTES = 1 << 26
_FLAGS = frozenset({"cfg", "config-dir", "config-name", "config-path", "experimental-rerun", "info", "package"})
"""The flags of Hydra that have a value: a trial's parameter `--config-dir=/x` is one of them."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command's words without `hydra-vertex` and `--json`, and the app's command."""

    words: tuple[str, ...]
    app: tuple[str, ...] = ()


def check_command(rules: Rules, given: JsonObject) -> Command:
    """Return the command of the tool `check`. Raises UserError."""
    words = ["check", *_option(rules, "--search", given)]
    if "trials" in given:
        words += ["--trials", str(whole(given["trials"]))]
    if given.get("smoke"):
        rules.require_run("check with smoke")
        words += ["--smoke", f"--smoke-timeout={min(SMOKE_LIMIT_S, rules.max_time_s):g}"]
    return Command(tuple(words), rules.command(texts(given, "overrides")))


def explain_command(rules: Rules, given: JsonObject) -> Command:
    """Return the command of the tool `explain`. Raises UserError."""
    parameters = given.get("parameters", {})
    pairs = parameters.items() if isinstance(parameters, Mapping) else ()
    words = [f"--parameter={_parameter(key, value)}" for key, value in pairs]
    return Command(("explain", *words), rules.command(texts(given, "overrides")))


def run_command(rules: Rules, given: JsonObject, out: Path) -> Command:
    """Return the command of the tool `run` in a folder. Raises UserError."""
    rules.require_run("run")
    words = ["run", *_option(rules, "--search", given), "--trials", str(whole(given["trials"]))]
    words += ["--parallel", str(whole(given.get("parallel", 1))), "--out", str(out)]
    words += [] if given.get("retrain", True) else ["--no-retrain"]
    return Command(tuple(words), rules.command(texts(given, "overrides")))


def written_file(rules: Rules, given: JsonObject, folder: Path, name: str) -> Path:
    """Return the file that a tool writes: the one asked for, or one in a temporary folder.

    Raises UserError where the rules forbid it, OutputError for a file that the tool has not written.
    """
    output = given.get("output")
    if not isinstance(output, str):
        return folder / name
    rules.require_run("a file below the root")
    path = rules.path(output)
    if os.path.lexists(path) and not _has(path, _MARKS[name]):
        raise OutputError(f"{path}: exists, and is no {name} of an earlier call; give another file")
    # The folder in which `best` writes a Pareto set; it may be a symbolic link.
    rules.path(str(path.parent / FOLDER))
    return path


def _has(path: Path, mark: bytes) -> bool:
    """Whether a path is a file with a mark; a pipe would block at its opening."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return mark in file.read(_MOST_BYTES)
    except OSError:
        return False


def whole(value: Json) -> int:
    """Return an argument whose schema is that of an integer, which in JSON Schema is also 4.0."""
    return int(value) if isinstance(value, (int, float)) else 0


def texts(given: JsonObject, name: str) -> list[str]:
    """Return an argument that is a list of texts; empty when it was not given."""
    value = given.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


def _option(rules: Rules, option: str, given: JsonObject) -> list[str]:
    value = given.get(option.lstrip("-"))
    return [] if value is None else [option, str(rules.path(str(value)))]


def _parameter(key: str, value: Json) -> str:
    """Return a trial's parameter, which is typed by the app's config and else is an override. Raises CommandError."""
    pair = f"{key}={_word(value)}"
    name = pair.partition("=")[0]
    if name in _FLAGS:
        raise CommandError(f"parameters: {name}: would be a flag of Hydra, not a parameter; leave it out")
    require_plain_override(pair)
    return pair


def _word(value: Json) -> str:
    """Return a value as the tuning service would write it in a trial's command."""
    return str(value).lower() if isinstance(value, bool) else str(value)
