"""Builds the command that starts `hydra-trial` on an app: in this installation, or as a caller has chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from hydra_vertex.protocol.command import PROGRAM, SEPARATOR, own_words_option

_started_as: ContextVar[Callable[[Sequence[str]], list[str]] | None] = ContextVar("started_as", default=None)


def trial_process(options: Sequence[str], app: Sequence[str], parameters: Sequence[str] = ()) -> list[str]:
    """Return the command line of `hydra-trial` with these options. It finds the app's Python on PATH, as a shell does.

    The interpreter is this one, and the environment has to be this process's own, unless `trials_started_as` says how
    `hydra-trial` is started.
    """
    words = [*options, *own_words_option(app), SEPARATOR, *app, *parameters]
    started_as = _started_as.get()
    if started_as is not None:
        return started_as([PROGRAM, *words])
    return [sys.executable, "-m", "hydra_vertex.trial", *words]


def is_started_elsewhere() -> bool:
    """Whether the app's Python is not one of this process's environment: `trials_started_as` is in effect."""
    return _started_as.get() is not None


@contextmanager
def trials_started_as(command: Callable[[Sequence[str]], list[str]]) -> Iterator[None]:
    """Within this context, `hydra-trial` is started by what `command` makes of its words, such as in a container.

    The folder of the option `--socket` has to be the same folder there.
    """
    token = _started_as.set(command)
    try:
        yield
    finally:
        _started_as.reset(token)
