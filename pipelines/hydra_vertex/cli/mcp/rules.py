"""What a tool call may do: its app, its paths, its overrides and its limits. Whoever starts the server decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError, OutputError, UserError

_OF_HYDRA = re.compile(r"^[+~]{0,2}([^=]*@[^=]*\b)?hydra([./@=]|$)")
_TARGET = "_target_"
_PLAIN_INTERPOLATION = re.compile(r"\$\{[^${}:]*\}")
_PARENT_FOLDER = re.compile(r"(^|[^\w.-])\.\.($|[^\w.-])")
"""A part `..` of a path, also of a quoted one or of one in a list."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of a server. `root` is resolved; `app` is the only program that a tool may start.

    `max_trials` counts the trials of all runs of the server, `max_time_s` is for each run.
    """

    root: Path
    app: tuple[str, ...]
    allow_run: bool = False
    allow_vertex: bool = False
    max_trials: int = 20
    max_parallel: int = 2
    max_runs: int = 1
    max_time_s: float = 3600.0

    def path(self, text: str) -> Path:
        """Return a path below the root. Raises OutputError for any other, also by way of a symbolic link."""
        try:
            path = (self.root / text).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise OutputError(f"{excerpt(text)}: is not a path; give one below {self.root}") from error
        if not path.is_relative_to(self.root):
            raise OutputError(f"{excerpt(text)}: is outside of {self.root}, the server's root; give a path in it")
        return path

    def command(self, overrides: Sequence[str]) -> tuple[str, ...]:
        """Return the app's command with overrides. Raises CommandError without an app, or for a refused override."""
        if not self.app:
            raise CommandError(
                "this server has no app, so it only reads studies; start it with the app's command after --, as "
                "in `hydra-vertex mcp -- python train.py`"
            )
        for override in overrides:
            require_plain_override(override)
        return (*self.app, *overrides)

    def require_run(self, what: str) -> None:
        """Raise UserError unless the server may start trials and write files."""
        if not self.allow_run:
            raise UserError(f"{what} needs a server that was started with --allow-run; ask your user to start it so")

    def require_limits(self, trials: int, parallel: int, time_s: float, *, left: int) -> None:
        """Raise UserError when a run would exceed a limit; `left` is how many trials the server still allows."""
        limits = (
            ("trials", trials, left, "--max-trials"),
            ("parallel", parallel, self.max_parallel, "--max-parallel"),
            ("limit_s", time_s, self.max_time_s, "--max-time"),
        )
        for name, value, most, option in limits:
            if value > most:
                raise UserError(
                    f"{name} is {value:g}, and this server allows {most:g} ({option}); give at most that, or ask your "
                    "user for another limit"
                )


def require_plain_override(override: str) -> None:
    """Check that an override only sets values of the app's config. Raises CommandError.

    Flags, Hydra's own settings and `_target_` could start other code or write elsewhere, and the option `../x` of a
    config group is a file in another folder. A resolver of OmegaConf can build such a text, or read a variable of the
    environment; ${key} only copies a value of the config.
    """
    if override.startswith("-") or ("=" not in override.lstrip("~+") and not override.startswith("~")):
        raise CommandError(f"{excerpt(repr(override))}: expected an override such as optimizer.lr=0.01, not a flag")
    if _OF_HYDRA.match(override):
        raise CommandError(f"{excerpt(repr(override))}: Hydra's own settings are not for a tool call; leave it out")
    if _TARGET in override:
        raise CommandError(f"{excerpt(repr(override))}: {_TARGET} is not for a tool call; leave it out")
    if _has_resolver(override):
        raise CommandError(
            f"{excerpt(repr(override))}: a resolver such as ${{oc.env:…}} is not for a tool call; give the value, or "
            "${key}"
        )
    if _PARENT_FOLDER.search(override):
        raise CommandError(f"{excerpt(repr(override))}: a tool call stays below the root; give a value without ..")


def _has_resolver(override: str) -> bool:
    """Whether there is an interpolation that is not ${key}. Hydra removes backslashes, as in $\\{oc.env\\:KEY\\}."""
    return "${" in _PLAIN_INTERPOLATION.sub("", override.replace("\\", ""))
