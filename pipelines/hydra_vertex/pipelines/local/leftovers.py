"""Ends the processes that an earlier run on the same folder has left, before a new run starts anything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil

from hydra_vertex.protocol.errors import ServiceError

from .guard import end_marked
from .run_folder import RunFolder

SERVICE_EXIT_LIMIT_S = 20.0
"""Seconds that a service needs at most to end its trials after its run has exited. Then it gets the next signal."""
KILL_LIMIT_S = 10.0


def end_leftovers(folder: RunFolder, say: Callable[[str], None]) -> None:
    """End the steps of earlier runs and wait for their service. Raises ServiceError when the service cannot be ended.

    The caller holds the folder's lock, so no running process of this folder belongs to an active run.
    """
    if ended := end_marked(folder.path):
        say(f"ended {ended} processes that an earlier run had left")
    for service in _services(folder.studies):
        say(f"waiting for the tuning service of an earlier run (process {service.pid}) to end")
        _end(service)


def _services(studies: Path) -> list[psutil.Process]:
    """Return the services that runs have started for this folder, without those that a user has started."""
    return [p for p in psutil.process_iter(["cmdline"]) if _serves(p.info["cmdline"] or [], studies)]


def _serves(command: list[str], studies: Path) -> bool:
    if "hydra_vertex.service" not in command or "--until-stdin-closes" not in command or "--dir" not in command:
        return False
    at = command.index("--dir") + 1
    return at < len(command) and Path(command[at]).resolve() == studies.resolve()


def _end(service: psutil.Process) -> None:
    waits: tuple[tuple[Callable[[], None], float], ...] = (
        (lambda: None, SERVICE_EXIT_LIMIT_S),
        (service.terminate, SERVICE_EXIT_LIMIT_S),
        (service.kill, KILL_LIMIT_S),
    )
    for act, limit_s in waits:
        with contextlib.suppress(psutil.Error):
            act()
        with contextlib.suppress(psutil.TimeoutExpired):
            service.wait(limit_s)
            return
    raise ServiceError(
        f"the tuning service of an earlier run, process {service.pid}, does not exit; kill it and try again"
    )
