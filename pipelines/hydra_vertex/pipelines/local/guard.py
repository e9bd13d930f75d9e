"""Ends what a run has started when the run itself is gone: after `kill -9` nobody else would.

Every process that a run starts is told in VARIABLE which run it belongs to, and hands that on to its own children. The
guard is a small process beside the run; it sees the end of its stdin, which the run alone holds open, whichever way the
run ends. The tuning service and its trials are not marked: the service ends with the run by the same means, and records
what it does to its trials.

This file is started as a program, by its path, and imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

VARIABLE = "HYDRA_VERTEX_RUN"
GRACE_S = 3.0
"""From SIGINT to SIGKILL: an app may write a checkpoint."""
QUIET_S = 0.5
"""A process that was just being started shows its variables after its exec."""
KILL_LIMIT_S = 10.0
POLL_INTERVAL_S = 0.05
_WELL = b"."


def marker(run: str, folder: Path) -> str:
    """The value of VARIABLE for one run (an id that is never used twice) on a folder."""
    return f"{run}:{folder.resolve()}"


@contextlib.contextmanager
def children_marked(value: str) -> Iterator[None]:
    """Every process that is started meanwhile belongs to the run."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


@contextlib.contextmanager
def guarded(value: str) -> Iterator[None]:
    """A guard for this process, which ends the marked processes should this process not come to the end of the block.

    Raises OSError when it cannot be started.
    """
    # Isolated: the user's PYTHONPATH is the app's business. A session of its own: Ctrl-C is not for it.
    command = [sys.executable, "-I", str(Path(__file__).resolve()), value]
    guard = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        yield
    finally:
        _dismiss(guard)


def _dismiss(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdin is not None  # noqa: S101 - it was started with a pipe
    with contextlib.suppress(BrokenPipeError):
        guard.stdin.write(_WELL)
        guard.stdin.close()
    guard.wait()


def end_marked(folder: Path) -> int:
    """End what earlier runs on a folder have left, and return how many processes that were."""
    return _end(lambda value: value.partition(":")[2] == str(folder.resolve()), quiet_s=0.0)


def _end(belongs: Callable[[str], bool], quiet_s: float) -> int:
    """SIGINT to the processes that the run itself has started, and after a grace SIGKILL to all that are left.

    Not SIGTERM, by which a tuning step takes its job to be cancelled. It returns when for `quiet_s` none was there.
    """
    began = last_seen = time.monotonic()
    told: set[psutil.Process] = set()
    while time.monotonic() - began < GRACE_S + KILL_LIMIT_S:
        found = _marked(belongs)
        if found:
            last_seen = time.monotonic()
        elif time.monotonic() - last_seen >= quiet_s:
            break
        is_grace_over = time.monotonic() - began >= GRACE_S
        for process in found if is_grace_over else _top_level(found) - told:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL if is_grace_over else signal.SIGINT)
        told |= found
        time.sleep(POLL_INTERVAL_S)
    return len(told)


def _marked(belongs: Callable[[str], bool]) -> set[psutil.Process]:
    """The processes of a run. Not this one, which a step of another run may have started."""
    return {
        process
        for process in psutil.process_iter(["environ"])
        if process.pid != os.getpid() and belongs((process.info["environ"] or {}).get(VARIABLE, ""))
    }


def _top_level(found: set[psutil.Process]) -> set[psutil.Process]:
    """Those whose parent is not among them: a parent passes a signal on to its children as it sees fit."""
    pids = {process.pid for process in found}
    return {process for process in found if _parent(process) not in pids}


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return 0


def main() -> int:
    """Wait for the run to say that it has ended well, or to end without a word."""
    value = sys.argv[1]
    if os.read(sys.stdin.fileno(), 1) != _WELL:
        _end(lambda found: found == value, quiet_s=QUIET_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
