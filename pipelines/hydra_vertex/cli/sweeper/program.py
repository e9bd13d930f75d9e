"""The command of the trials: the one that was typed, without what is about the sweep itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError

from .request import parse_overrides, plain_key

_VALUED = frozenset({"-W", "-X", "--check-hash-based-pycs"})
"""Options of Python that take the next word as their value, `-m` excepted."""
_MULTIRUN = "--multirun"
_SHORTEST = len("--mu")
"""Hydra's parser takes an option by its first letters."""
_OF_SWEEP = ("hydra.sweeper", "hydra.launcher", "hydra.mode", "hydra.sweep.dir", "hydra.run")
_PROCESSES = "WORLD_SIZE"


def trial_program(typed: Sequence[str], executable: str, overrides: Sequence[str]) -> tuple[str, ...]:
    """Return the app's command for the trials.

    `typed` is `sys.orig_argv`, `overrides` are the task overrides that Hydra has parsed. The choice of the sweeper
    stays: the app's files may have keys that only this sweeper's config has. Raises CommandError for a program that
    cannot be started again.
    """
    at = program_end(typed)
    swept = {o.input_line for o in parse_overrides(overrides) if o.is_sweep_override()}
    words = [word for word in typed[at:] if not _is_of_sweep(word) and word not in swept]
    return (executable, *typed[1:at], *words)


def require_one_process(environ: Mapping[str, str]) -> None:
    """Raises CommandError when a launcher such as torchrun has started several processes, each with its own sweep."""
    count = environ.get(_PROCESSES, "")
    if count.isdecimal() and int(count) > 1:
        raise CommandError(
            f"${_PROCESSES} is {count}: a launcher has started {count} processes, and each would be a sweep; start the "
            "sweep with python, or tune the launcher's command: hydra-vertex run -- torchrun … train.py"
        )


def program_end(typed: Sequence[str]) -> int:
    """Return the number of words up to the script, or to the module of `-m`. Raises CommandError without either."""
    at = 1
    while at < len(typed) and typed[at].startswith("-"):
        word = typed[at]
        if word == "-m":
            return at + 2
        if word.startswith(("-c", "-m")) or word == "-":
            raise CommandError(
                f"python {excerpt(word)}: the trials cannot be started so; start the app as `python train.py` or "
                "`python -m package.train`"
            )
        at += 2 if word in _VALUED else 1
    if at >= len(typed):
        raise CommandError("the app was not started from a file or a module; start it as `python train.py`")
    return at + 1


def _is_of_sweep(word: str) -> bool:
    if word == "-m" or (len(word) >= _SHORTEST and _MULTIRUN.startswith(word)):
        return True
    key = plain_key(word.partition("=")[0])
    return any(key == own or key.startswith(f"{own}.") for own in _OF_SWEEP)
