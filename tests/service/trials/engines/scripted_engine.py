"""An engine in memory that follows a script of states for each launch, by the number of its attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Launch,
    Missing,
    RefusedError,
    Running,
    State,
    UnavailableError,
)
from hydra_vertex.service.trials.exit_status import ExitStatus

STARTED = datetime.now(timezone.utc)
SUCCESS = Exited(ExitStatus(code=0, started=STARTED))
RUNNING = Running(STARTED)


@dataclass
class ScriptedEngine:
    """`scripts` has the states of each attempt; the last one is repeated. `ended` is the state after `end`."""

    scripts: Sequence[Sequence[State]]
    ended: State = field(default_factory=lambda: Exited(ExitStatus(code=143, started=STARTED)))
    refusal: str = ""
    unavailable: dict[str, int] = field(default_factory=dict)
    """How often a verb raises `error`."""
    error: Exception = field(default_factory=lambda: UnavailableError("the connection was refused"))
    before_launch: Callable[[Launch], None] = lambda _: None
    name = "scripted"

    def __post_init__(self) -> None:
        self.launched: list[str] = []
        self.removed: list[str] = []
        self.ends: list[str] = []
        self._places: dict[str, int] = {}

    def launch(self, launch: Launch) -> None:
        self._answer("launch")
        self.before_launch(launch)
        if self.refusal:
            raise RefusedError(self.refusal)
        if launch.id not in self.launched:
            self.launched.append(launch.id)

    def observe(self, launch: Launch) -> State:
        self._answer("observe")
        if launch.id not in self.launched or launch.id in self.removed:
            return Missing()
        if launch.id in self.ends:
            return self.ended
        script = self.scripts[int(launch.id.rpartition("-")[2]) - 1]
        place = self._places.get(launch.id, 0)
        self._places[launch.id] = place + 1
        return script[min(place, len(script) - 1)]

    def fetch(self, launch: Launch) -> None:
        self._answer("fetch")
        launch.folder.metric_file.write_text(f"reports of {launch.id}\n")

    def end(self, launch: Launch) -> None:
        self._answer("end")
        self.ends.append(launch.id)

    def remove(self, launch: Launch) -> None:
        self._answer("remove")
        self.removed.append(launch.id)

    def known_ids(self) -> frozenset[str]:
        return frozenset(self.launched) - frozenset(self.removed)

    def _answer(self, verb: str) -> None:
        if self.unavailable.get(verb, 0) > 0:
            self.unavailable[verb] -= 1
            raise self.error
