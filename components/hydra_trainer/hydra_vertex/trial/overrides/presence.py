"""Detects what the command line already sets, so that hydra-trial does not add a second override. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .arguments import Argument, Flag

_NO_SINGLE_RUN = frozenset({"--multirun", "--help", "--hydra-help", "--cfg", "--info"})


def is_single_run(arguments: Sequence[Argument]) -> bool:
    """Whether Hydra's flags make the app run exactly once: no multirun, no `--help`, `--cfg` or `--info`."""
    return not any(isinstance(argument, Flag) and argument.name in _NO_SINGLE_RUN for argument in arguments)


def is_set(key: str, overrides: Iterable[str]) -> bool:
    """Whether one of Hydra's overrides sets, adds or deletes `key` itself."""
    return any(override.partition("=")[0].lstrip("+~") == key for override in overrides)
