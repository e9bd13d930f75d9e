"""What the tests of the engine `kubernetes` share: launches, and waiting for a cluster."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Launch,
    Missing,
    Refused,
    Running,
    State,
    Worker,
    WorkerEngine,
)
from hydra_vertex.service.trials.engines.kubernetes import make_engine

LIMIT_S = 120.0
ENDS = (Exited, Interrupted, Refused, Missing)
SERVICE_ID = "0a1b2c3d"

_WITHOUT_CONTAINERS = {"matchExpressions": [{"key": "engine", "operator": "DoesNotExist"}]}
PROCESS_NODES = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_WITHOUT_CONTAINERS]},
    }
}
"""The affinity to nodes that start commands as processes of this machine."""

T = TypeVar("T")


@dataclass(frozen=True)
class Namespace:
    """A namespace of its own, with a client that may do everything."""

    name: str
    api: Any

    def engine(self, **settings: Any) -> WorkerEngine:
        return make_engine({"namespace": self.name, **settings}, SERVICE_ID)

    def process_engine(self, service_id: str = SERVICE_ID, **settings: Any) -> WorkerEngine:
        """Return an engine whose Pods run on nodes that start their commands as processes of this machine."""
        template = {"spec": {"affinity": PROCESS_NODES}}
        all_settings = {"namespace": self.name, "podTemplate": template, **settings}
        return make_engine(all_settings, service_id)


def launch_of(
    folder: Path,
    *words: str,
    workers: int = 1,
    image: str = "localhost/none",
    environ: dict[str, str] | None = None,
    machine: JsonObject | None = None,
    timeout_s: float = 600.0,
    grace_s: float = 2.0,
    labels: dict[str, str] | None = None,
    output_uri: str = "",
) -> Launch:
    launch_id = f"hv-{secrets.token_hex(4)}"
    replicas = tuple(
        Worker(min(index, 1), max(0, index - 1), image, words, (), environ or {}, machine or {})
        for index in range(workers)
    )
    trial = TrialFolder(folder / launch_id)
    return Launch(
        launch_id, "4711", "1", replicas, trial, output_uri, folder / "output", timeout_s, grace_s, labels or {}
    )


def until(ask: Callable[[], T | None], limit_s: float = LIMIT_S) -> T:
    """Return the first true answer."""
    give_up = time.monotonic() + limit_s
    while not (answer := ask()):
        assert time.monotonic() < give_up, "the cluster did not come to this"
        time.sleep(0.1)
    return answer


def state_of(engine: WorkerEngine, launch: Launch, *kinds: type[State], limit_s: float = LIMIT_S) -> State:
    """Observe a launch until its state is one of these kinds; without kinds, until it has ended."""
    seen: list[State] = []

    def look() -> bool:
        seen.append(engine.observe(launch))
        return isinstance(seen[-1], kinds or ENDS)

    try:
        until(look, limit_s)
    except AssertionError as error:
        raise AssertionError(f"{launch.id} is {seen[-1]}") from error
    return seen[-1]


def exit_of(engine: WorkerEngine, launch: Launch) -> Any:
    state = state_of(engine, launch)
    assert isinstance(state, Exited), state
    return state.exit_status


def running(engine: WorkerEngine, launch: Launch) -> Running:
    state = state_of(engine, launch, Running, *ENDS)
    assert isinstance(state, Running), state
    return state
