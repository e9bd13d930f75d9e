"""Runs a program that is not Python: its config is unknown, so its parameters are quoted but not typed."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from itertools import takewhile
from typing import NoReturn

from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.trial.config.key_types import ANYTHING
from hydra_vertex.trial.log import flush_output
from hydra_vertex.trial.overrides.arguments import Argument, Override, Parameter, flag_tokens
from hydra_vertex.trial.overrides.keys import value_override

from .app_command import AppCommand, Program


def lexical_command(command: AppCommand, arguments: Sequence[Argument]) -> tuple[str, ...]:
    """Return the program's command line: its own words unchanged, Hydra's flags, the overrides in their order.

    A parameter gets the type that Hydra infers from its text: `64.0` is a float and `true` a boolean. It never becomes
    a sweep, a function or an interpolation. Raises ArgumentError when a key cannot be written as an override.
    """
    own = tuple(takewhile(_is_own_word, (a.text if isinstance(a, Override) else "" for a in arguments)))
    rest = arguments[len(own) :]
    overrides = (
        value_override(a, ANYTHING) if isinstance(a, Parameter) else a.text
        for a in rest
        if isinstance(a, (Parameter, Override))
    )
    return (*command.program, *own, *flag_tokens(rest), *overrides)


def become(program: Program, command: Sequence[str]) -> NoReturn:
    """Replace this process (exec): same process id, same files. Raises CommandError when it cannot be started."""
    flush_output()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores SIGPIPE, and the program would inherit that
    try:
        os.execv(program.path, list(command))  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise CommandError(f"{shlex.quote(program.path)}: cannot be started: {error.strerror}") from error


def _is_own_word(text: str) -> bool:
    """Whether a word may be the program's own (`run`, `train.sh`, `-x`): it is not a Hydra override."""
    return bool(text) and "=" not in text and not text.startswith(("+", "~"))
