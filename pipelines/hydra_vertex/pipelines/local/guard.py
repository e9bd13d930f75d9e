"""Ends the processes that a run or a check has started when it was killed itself, and removes its temporary files.

Every process that a run starts has the run's id in the environment variable VARIABLE, and its children inherit it. The
guard is a small process beside the run. It reads end-of-file on its stdin when the run exits for any reason, such as
`kill -9`, because only the run holds the other end open. The tuning service and its trials are not marked: the service
exits with the run by the same method, and records how it ends its trials.

This file is started as a program, by its path, and then imports no module of hydra-vertex.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

VARIABLE = "HYDRA_VERTEX_RUN"
GRACE_S = 3.0
"""Seconds from SIGINT to SIGKILL, in which an app can write a checkpoint."""
QUIET_S = 0.5
"""Seconds without a marked process after which the guard stops. A new process shows its variables only after exec."""
KILL_LIMIT_S = 10.0
POLL_INTERVAL_S = 0.05
_EXITED_NORMALLY = b"."


def marker(run: str, folder: Path | None = None) -> str:
    """Return the value of VARIABLE for a run on a folder. `run` is a unique id; a check has no folder."""
    return f"{run}:{'' if folder is None else folder.resolve()}"


def children_marked(value: str) -> AbstractContextManager[None]:
    """Return a context in which every process that is started is marked as a process of the run."""
    from hydra_vertex.protocol.variables import variable_set

    return variable_set(VARIABLE, value)


@contextlib.contextmanager
def guarded(value: str) -> Iterator[None]:
    """Start a guard, which ends the marked processes if this process dies before the end of the block.

    A KeyboardInterrupt ends them as well: it may come between the start of a process and the block that would end it,
    or a second one while the first is handled. What this process itself makes with `tempfile` in the block is removed
    in any case; its children have the folder of the environment. Raises OSError when the guard cannot be started.
    """
    with _temporary_folder() as folder, _guard(value, folder):
        yield


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
    """Let `tempfile` make its files in a folder that is removed at the end."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def _guard(value: str, folder: str) -> Iterator[None]:
    # -I ignores the user's PYTHONPATH, which is meant for the app. In a new session, Ctrl-C does not reach the guard.
    command = [sys.executable, "-I", str(Path(__file__).resolve()), value, folder]
    guard = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    report = _EXITED_NORMALLY
    try:
        yield
    except KeyboardInterrupt:
        report = b""
        raise
    finally:
        _dismiss(guard, report)


def _dismiss(guard: subprocess.Popen[bytes], report: bytes) -> None:
    assert guard.stdin is not None  # noqa: S101 - it was started with a pipe
    with contextlib.suppress(BrokenPipeError):
        guard.stdin.write(report)
        guard.stdin.close()
    guard.wait()


def end_marked(folder: Path) -> int:
    """End the processes that earlier runs on a folder have left. Returns the number of processes."""
    return _end(lambda value: value.partition(":")[2] == str(folder.resolve()), quiet_s=0.0)


def _end(belongs: Callable[[str], bool], quiet_s: float) -> int:
    """Send SIGINT to the processes that the run itself has started, and after GRACE_S SIGKILL to all that remain.

    SIGTERM is not used, because a tuning step cancels its job on SIGTERM. Returns when no marked process was found for
    `quiet_s`, at the latest after GRACE_S + KILL_LIMIT_S. The result is the number of processes found.
    """
    began = last_seen = time.monotonic()
    signalled: set[psutil.Process] = set()
    while time.monotonic() - began < GRACE_S + KILL_LIMIT_S:
        found = _marked(belongs)
        if found:
            last_seen = time.monotonic()
        elif time.monotonic() - last_seen >= quiet_s:
            break
        is_grace_over = time.monotonic() - began >= GRACE_S
        for process in found if is_grace_over else _top_level(found) - signalled:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL if is_grace_over else signal.SIGINT)
        signalled |= found
        time.sleep(POLL_INTERVAL_S)
    return len(signalled)


def _marked(belongs: Callable[[str], bool]) -> set[psutil.Process]:
    """Return the processes of a run. This process is excluded, because a step of another run may have started it."""
    return {
        process
        for process in psutil.process_iter(["environ"])
        if process.pid != os.getpid() and belongs((process.info["environ"] or {}).get(VARIABLE, ""))
    }


def _top_level(found: set[psutil.Process]) -> set[psutil.Process]:
    """Return the processes whose parent is not in `found`: a parent itself decides which signals its children get."""
    pids = {process.pid for process in found}
    return {process for process in found if _parent(process) not in pids}


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return 0


def main() -> int:
    """Wait until the run reports a normal exit, or until its end of the pipe is closed without a report."""
    value, folder = sys.argv[1:]
    if os.read(sys.stdin.fileno(), 1) != _EXITED_NORMALLY:
        _end(lambda found: found == value, quiet_s=QUIET_S)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
