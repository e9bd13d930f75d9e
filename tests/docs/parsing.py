"""Parses a documented command with the parser of its program, so that a removed option is found without a run."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from functools import cache
from importlib.metadata import metadata

from conftest import ROOT
from hydra_vertex.cli.main import build_parser, split_app
from hydra_vertex.trial.cli import main as hydra_trial

PLACEHOLDER = "…"


class StaleCommandError(Exception):
    """A command of the documentation that its program refuses."""


def parse(words: list[str]) -> None:
    """Parse one command.

    Raises StaleCommandError when its program does not know the command, an option or a target.
    """
    match words:
        case ["hydra-vertex", *rest]:
            _parse_hydra_vertex(rest)
        case ["hydra-trial", *rest]:
            _parse_hydra_trial(rest)
        case ["make", *targets]:
            _known(targets, make_targets(), "no target of the Makefile")
        case ["pip", "install", *packages]:
            extras = [name for package in packages for name in re.findall(r"hydra-vertex\[([\w,-]+)\]", package)]
            _known([name for group in extras for name in group.split(",")], _extras(), "no extra of hydra-vertex")


@cache
def parser() -> argparse.ArgumentParser:
    return build_parser()


def subparsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command by its name."""
    (action,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(action.choices)


def options_of(command: str) -> set[str]:
    return set(subparsers()[command]._option_string_actions)


def shown_options_of(command: str) -> set[str]:
    """The options that `--help` shows, without itself."""
    actions = subparsers()[command]._actions
    shown = [action for action in actions if action.help != argparse.SUPPRESS and action.dest != "help"]
    return {name for action in shown for name in action.option_strings}


@cache
def trial_help() -> str:
    """What `hydra-trial --help` prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        hydra_trial(["--help"])
    return out.getvalue()


@cache
def trial_options() -> frozenset[str]:
    """The options of hydra-trial, from its own help."""
    return frozenset(re.findall(r"--[a-z][a-z_-]*", trial_help()))


@cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def _extras() -> frozenset[str]:
    return frozenset(metadata("hydra-vertex").get_all("Provides-Extra") or ())


def _parse_hydra_vertex(words: list[str]) -> None:
    own, _ = split_app([word for word in words if word != PLACEHOLDER])
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            _, left = parser().parse_known_args(own)
    except SystemExit as end:
        if end.code:
            raise StaleCommandError(errors.getvalue().strip()) from None
        return
    if any(word.startswith("-") for word in left):
        raise StaleCommandError(f"unrecognized arguments: {' '.join(left)}")


def _parse_hydra_trial(words: list[str]) -> None:
    own, _ = split_app(words)
    options = [word.partition("=")[0] for word in own if word.startswith("--")]
    _known(options, trial_options(), "no option of hydra-trial")


def _known(words: list[str], known: frozenset[str], complaint: str) -> None:
    plain = [word for word in words if "=" not in word or word.startswith("--")]
    if unknown := [word for word in plain if word not in known]:
        raise StaleCommandError(f"{', '.join(unknown)}: {complaint}")
