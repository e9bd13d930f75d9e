"""Launches for the tests of the Slurm engine, and waiting for their states."""

from __future__ import annotations

import dataclasses
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import (
    Launch,
    State,
    UnavailableError,
    Worker,
    WorkerEngine,
)

WAIT_LIMIT_S = 90.0
SERVICE_ID = uuid.uuid4().hex[:8]


def worker(
    *command: str,
    environ: Mapping[str, str] | None = None,
    image: str = "",
    machine: JsonObject | None = None,
    pool: int = 0,
    replica: int = 0,
) -> Worker:
    return Worker(pool, replica, image, command, (), environ or {}, machine or {})


def launch_of(folder: Path, *workers: Worker, timeout_s: float = 600.0, grace_s: float = 2.0) -> Launch:
    return Launch(
        id=f"hv-{SERVICE_ID}-{uuid.uuid4().hex[:8]}-1",
        job_id="study",
        trial_id="7",
        workers=workers,
        folder=TrialFolder(folder / "trials" / "7"),
        output_uri="",
        output_dir=folder / "output",
        timeout_s=timeout_s,
        grace_s=grace_s,
    )


def with_command(launch: Launch, *command: str) -> Launch:
    return dataclasses.replace(launch, workers=(dataclasses.replace(launch.workers[0], command=command),))


def wait_for(engine: WorkerEngine, launch: Launch, is_wanted: Callable[[State], bool]) -> State:
    """Observe until a state is the wanted one. Fails with the last state after WAIT_LIMIT_S."""
    give_up, state = time.monotonic() + WAIT_LIMIT_S, "not observed"
    while time.monotonic() < give_up:
        try:
            seen = engine.observe(launch)
        except UnavailableError as error:
            state = str(error)
        else:
            if is_wanted(seen):
                return seen
            state = repr(seen)
        time.sleep(0.3)
    raise AssertionError(f"not within {WAIT_LIMIT_S:g} s; the last state was {state}")


def wait_for_kind(engine: WorkerEngine, launch: Launch, *kinds: type) -> State:
    return wait_for(engine, launch, lambda state: isinstance(state, kinds))


def cancel_all() -> None:
    """Cancel what a test has left in the queue."""
    listing = subprocess.run(
        ["squeue", "--noheader", "--me", "--format=%i %j"], capture_output=True, text=True, timeout=30
    ).stdout
    rows = (line.split() for line in listing.splitlines())
    left = [row[0] for row in rows if len(row) == 2 and row[1].startswith(f"hv-{SERVICE_ID}-")]
    if left:
        subprocess.run(["scancel", *left], timeout=30)


def log_of(engine: WorkerEngine, launch: Launch) -> str:
    engine.fetch(launch)
    return launch.folder.log.read_text() if launch.folder.log.exists() else ""


def wait_for_log(engine: WorkerEngine, launch: Launch, text: str) -> None:
    give_up = time.monotonic() + WAIT_LIMIT_S
    while text not in (log := log_of(engine, launch)):
        assert time.monotonic() < give_up, log
        time.sleep(0.2)
