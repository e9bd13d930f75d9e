"""What a killed supervisor leaves behind: processes that still run, and exit statuses of orphaned processes.

As a subreaper (prctl(2)) this process becomes the parent of what its killed child processes have started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Collection
from contextlib import suppress

from .process_identity import ProcessId, identify_zombie, is_child

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Let orphaned descendants become children of this process. Does nothing on systems other than Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Orphans:
    """Re-parented child processes. `own` has the pids of the children that this process started. Thread-safe."""

    def __init__(self, own: Collection[int]) -> None:
        self._own = own
        self._exit_codes: dict[ProcessId, int] = {}
        self._lock = threading.Lock()

    def include(self, process: ProcessId) -> bool:
        """Whether the process is or was a re-parented child, so that its exit code can be read here."""
        return process in self._exit_codes or (process.pid not in self._own and is_child(process))

    def exit_code(self, process: ProcessId) -> int | None:
        """Return the exit code of an orphan, -n for signal n; None while it runs, or when it is no such orphan."""
        self._reap(process.pid)
        return self._exit_codes.get(process)

    def reap(self) -> None:
        """Reap all orphans that have exited, and keep their exit codes."""
        import psutil

        for child in psutil.Process().children():
            self._reap(child.pid)

    def _reap(self, pid: int) -> None:
        with self._lock, suppress(OSError):
            process = None if pid in self._own else identify_zombie(pid)
            if process is not None and is_child(process):
                reaped, status = os.waitpid(pid, os.WNOHANG)
                if reaped:
                    self._exit_codes[process] = os.waitstatus_to_exitcode(status)


def kill_with_variable(name: str, value: str) -> list[int]:
    """Send SIGKILL to every process that has this environment variable. Returns their pids; empty when none is left."""
    left = _with_variable(name, value)
    for pid in left:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return left


def has_children(process: ProcessId) -> bool:
    """Whether a process has child processes; True also while that cannot be read."""
    import psutil

    try:
        return bool(psutil.Process(process.pid).children())
    except psutil.NoSuchProcess:
        return False
    except (OSError, psutil.Error):
        return True


def _with_variable(name: str, value: str) -> list[int]:
    import psutil

    return [
        process.pid
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(name) == value
    ]
