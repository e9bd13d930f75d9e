"""hydra-trial's own options as frozen dataclasses; `option_parser` parses them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Alias:
    """The service's parameter `id` sets the config's `key`."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class Options:
    """hydra-trial's own options, and the app's command with its arguments (`app`). None means not given.

    `sweeps` are texts `KEY=SWEEP`. `hold_on_failure_s` is in seconds; with 0 a failed trial exits at once.
    """

    metric: str | None = None
    monitor: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    sweeps: tuple[str, ...] = ()
    resume_key: str | None = None
    hold_on_failure_s: float = 0.0
    explain: bool = False
    json: Path | None = None
    socket: Path | None = None
    executor_input: str | None = None
    help: bool = False
    version: bool = False
    app: tuple[str, ...] = ()

    def to_arguments(self) -> tuple[str, ...]:
        """Return the options as command-line arguments of hydra-trial, without the app's command."""
        metric = () if self.metric is None else ("--metric", self.metric)
        monitor = tuple(word for name in self.monitor for word in ("--monitor", name))
        aliases = tuple(word for alias in self.aliases for word in ("--alias", f"{alias.id}={alias.key}"))
        sweeps = tuple(word for sweep in self.sweeps for word in ("--sweep", sweep))
        resume = () if self.resume_key is None else ("--resume-key", self.resume_key)
        hold = ("--hold-on-failure", repr(self.hold_on_failure_s)) if self.hold_on_failure_s else ()
        explain = ("--explain",) if self.explain else ()
        json = () if self.json is None else ("--json", str(self.json))
        socket = () if self.socket is None else ("--socket", str(self.socket))
        return (*metric, *monitor, *aliases, *sweeps, *resume, *hold, *explain, *json, *socket)
