"""What an earlier run on a folder may have left behind, ended before a new one starts anything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil

from hydra_vertex.protocol.errors import ServiceError

from .guard import end_marked
from .run_folder import RunFolder

SERVICE_PATIENCE_S = 20.0
"""A service that has seen its run end takes this long at most for the grace of its trials; then it is told again."""
KILL_LIMIT_S = 10.0


def end_leftovers(folder: RunFolder, say: Callable[[str], None]) -> None:
    """End the steps of earlier runs and wait for their service. Raises ServiceError when that cannot be ended.

    The caller holds the folder's lock, so that whatever runs here belongs to no run any more.
    """
    if ended := end_marked(folder.path):
        say(f"ended what an earlier run had left: {ended} processes")
    for service in _services(folder.studies):
        say(f"waiting for the tuning service of an earlier run (process {service.pid}) to end")
        _end(service)


def _services(studies: Path) -> list[psutil.Process]:
    """The services that a run has started for this folder; one that a user serves it with is not among them."""
    return [p for p in psutil.process_iter(["cmdline"]) if _serves(p.info["cmdline"] or [], studies)]


def _serves(command: list[str], studies: Path) -> bool:
    if "hydra_vertex.service" not in command or "--until-stdin-closes" not in command or "--dir" not in command:
        return False
    at = command.index("--dir") + 1
    return at < len(command) and Path(command[at]).resolve() == studies.resolve()


def _end(service: psutil.Process) -> None:
    waits: tuple[tuple[Callable[[], None], float], ...] = (
        (lambda: None, SERVICE_PATIENCE_S),
        (service.terminate, SERVICE_PATIENCE_S),
        (service.kill, KILL_LIMIT_S),
    )
    for act, limit_s in waits:
        with contextlib.suppress(psutil.Error):
            act()
        with contextlib.suppress(psutil.TimeoutExpired):
            service.wait(limit_s)
            return
    raise ServiceError(
        f"the tuning service of an earlier run, process {service.pid}, does not end; end it and try again"
    )
