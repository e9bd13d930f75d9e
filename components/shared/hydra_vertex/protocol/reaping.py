"""Collects the children of a process that have exited, for a process that adopts orphans. It imports little."""

from __future__ import annotations

import os


def reap_exited() -> tuple[dict[int, int], bool]:
    """Reap every child that has exited, re-parented orphans included; never waits.

    The return code of each by its pid, -n for a death by signal n, and whether this process has children left.
    """
    exited: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return exited, False
        if pid == 0:
            return exited, True
        exited[pid] = os.waitstatus_to_exitcode(status)
