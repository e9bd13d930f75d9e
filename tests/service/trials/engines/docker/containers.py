"""Helpers of the tests with a real Docker engine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.contract import Exited, Launch, State, WorkerEngine
from hydra_vertex.service.trials.engines.docker import make_engine
from hydra_vertex.service.trials.engines.docker.engine import DockerEngine

IMAGE = "python:3.11-slim"
LIMIT_S = 120.0
SETTINGS: JsonObject = {"network": "none", "pull": "never"}

MakeLaunch = Callable[..., Launch]
MADE: list[DockerEngine] = []
"""The engines whose connections the fixtures close."""


def docker(*arguments: str) -> str:
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def make(service_id: str, **settings: object) -> DockerEngine:
    made = make_engine({**SETTINGS, **settings}, service_id)  # type: ignore[dict-item]
    assert isinstance(made, DockerEngine)
    MADE.append(made)
    return made


def observed(engine: WorkerEngine, launch: Launch, *kinds: type[State]) -> State:
    """Observe until the state is of one of these kinds."""
    deadline = time.monotonic() + LIMIT_S
    while not isinstance(state := engine.observe(launch), kinds):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def exited(engine: WorkerEngine, launch: Launch) -> Exited:
    state = observed(engine, launch, Exited)
    assert isinstance(state, Exited)
    return state


def logged(engine: WorkerEngine, launch: Launch, text: str) -> None:
    """Fetch until the log has a text."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        engine.fetch(launch)
        if launch.folder.log.exists() and text in launch.folder.log.read_text(errors="replace"):
            return
        assert time.monotonic() < deadline, engine.observe(launch)
        time.sleep(0.05)
