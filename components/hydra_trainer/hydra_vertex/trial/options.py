"""hydra-trial's own options as frozen dataclasses; `option_parser` parses them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Alias:
    """The service's parameter `id` sets the config's `key`."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class Options:
    """hydra-trial's own options, and the app's command with its arguments (`app`). None means not given.

    `sweeps` are texts `KEY=SWEEP`. `hold_on_failure_s` is in seconds; with 0 a failed trial exits at once. `own_words`
    is the number of the words of `app` that are no parameters of the trial, 0 if unknown. `by_launcher` means the form
    `-m hydra_vertex.trial train.py`, in which a launcher has started this interpreter for the app.
    """

    metric: str | None = None
    monitor: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    sweeps: tuple[str, ...] = ()
    resume_key: str | None = None
    hold_on_failure_s: float = 0.0
    own_words: int = 0
    untyped: bool = False
    explain: bool = False
    json: Path | None = None
    socket: Path | None = None
    executor_input: str | None = None
    component: str | None = None
    help: bool = False
    version: bool = False
    app: tuple[str, ...] = ()
    by_launcher: bool = False

    def to_arguments(self) -> tuple[str, ...]:
        """Return the options as command-line arguments of hydra-trial, without the app's command."""
        metric = () if self.metric is None else ("--metric", self.metric)
        monitor = tuple(word for name in self.monitor for word in ("--monitor", name))
        aliases = tuple(word for alias in self.aliases for word in ("--alias", f"{alias.id}={alias.key}"))
        sweeps = tuple(word for sweep in self.sweeps for word in ("--sweep", sweep))
        resume = () if self.resume_key is None else ("--resume-key", self.resume_key)
        hold = ("--hold-on-failure", repr(self.hold_on_failure_s)) if self.hold_on_failure_s else ()
        words = ("--own-words", str(self.own_words)) if self.own_words else ()
        untyped = ("--untyped",) if self.untyped else ()
        explain = ("--explain",) if self.explain else ()
        json = () if self.json is None else ("--json", str(self.json))
        socket = () if self.socket is None else ("--socket", str(self.socket))
        own = (*metric, *monitor, *aliases, *sweeps, *resume, *hold, *words, *untyped)
        return (*own, *explain, *json, *socket)


def merged(above: Options, below: Options) -> Options:
    """Return the options of `above`, and those of `below` that it does not give."""
    return replace(
        above,
        metric=above.metric or below.metric,
        monitor=above.monitor or below.monitor,
        aliases=above.aliases or below.aliases,
        sweeps=above.sweeps or below.sweeps,
        resume_key=above.resume_key or below.resume_key,
    )
