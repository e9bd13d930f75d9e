"""Reaps child processes, re-parented orphans included, and returns their exit codes.

The module imports few others, to load fast.
"""

from __future__ import annotations

import os


def exited_code(pid: int) -> int | None:
    """Return the return code of a child that has exited, -n if signal n killed it; None while the child runs.

    On a system with waitid(2) the child is not reaped: its status stays available to a later wait.
    """
    if not hasattr(os, "waitid"):
        found, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if found else None
    left = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if left is None:
        return None
    return left.si_status if left.si_code == os.CLD_EXITED else -left.si_status


def reap_exited(spared: int = 0) -> tuple[dict[int, int], bool]:
    """Reap all exited children, re-parented orphans included, without waiting.

    Return the return code of each by its pid, -n if signal n killed it, and whether this process has children left.
    On a system with waitid(2) the child with the pid `spared` is not reaped, nor are children that the kernel lists
    after it; a later call reaps those.
    """
    exited: dict[int, int] = {}
    while True:
        try:
            next_pid = _next_exited()
            if next_pid in (0, spared):
                return exited, True
            pid, status = os.waitpid(next_pid, os.WNOHANG)
        except ChildProcessError:
            return exited, False
        if pid == 0:
            return exited, True
        exited[pid] = os.waitstatus_to_exitcode(status)


def _next_exited() -> int:
    """Return the pid of an exited child: 0 if there is none, -1 for any child. Raises ChildProcessError without one."""
    if not hasattr(os, "waitid"):
        return -1
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return 0 if found is None else found.si_pid
