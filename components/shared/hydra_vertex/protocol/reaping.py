"""Exit statuses of the children of a process that adopts orphans. It imports little."""

from __future__ import annotations

import os


def exited_code(pid: int) -> int | None:
    """The return code of a child that has exited, -n for a death by signal n; None while it runs.

    Its status stays with the kernel, for whoever is its parent then, where the system has waitid(2).
    """
    if not hasattr(os, "waitid"):
        found, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if found else None
    left = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if left is None:
        return None
    return left.si_status if left.si_code == os.CLD_EXITED else -left.si_status


def reap_exited(spared: int = 0) -> tuple[dict[int, int], bool]:
    """Reap every child that has exited, re-parented orphans included; never waits.

    The return code of each by its pid, -n for a death by signal n, and whether this process has children left. The
    child `spared` stays a zombie, where the system has waitid(2); what exits after it is reaped with a later call.
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
    """A child that has exited: 0 for none, -1 for whichever it is. Raises ChildProcessError when there is no child."""
    if not hasattr(os, "waitid"):
        return -1
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return 0 if found is None else found.si_pid
