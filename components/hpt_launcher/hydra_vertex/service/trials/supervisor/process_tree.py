"""Memory and start times of processes, read from /proc, and signals to the descendants of a process."""

from __future__ import annotations

import ctypes
import os
import sys

from hydra_vertex.protocol.process_tree import stat_field

PR_SET_CHILD_SUBREAPER = 36
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_START_TIME = 19
"""Field 22 of /proc/<pid>/stat, counted from the first field after the command's name (proc_pid_stat(5))."""


def become_subreaper() -> None:
    """Let orphaned descendants become children of this process (prctl(2)). Does nothing on systems other than Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start_ticks(pid: int) -> int:
    """Return the start time of a process in clock ticks since boot; 0 where it cannot be read."""
    return stat_field(str(pid), _START_TIME)


def memory_bytes(pids: list[int], limit_bytes: int) -> int:
    """Return the memory of processes in bytes, shared pages counted once.

    Returns the sum of their resident sets, a cheaper upper bound, when that is already within the limit.
    """
    resident = sum(_resident_bytes(pid) for pid in pids)
    return resident if resident <= limit_bytes else sum(_needed_bytes(pid) for pid in pids)


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - see __init__
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def _needed_bytes(pid: int) -> int:
    """The process's share of mapped anonymous and shared memory, without file pages, which the kernel can drop."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - see __init__
            shares = dict(line.split(b":", 1) for line in file.read().splitlines()[1:])
        return sum(int(shares[name].split()[0]) * 1024 for name in (b"Pss_Anon", b"Pss_Shmem"))
    except (OSError, KeyError, ValueError):
        return _resident_bytes(pid)


def send_signal(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except OSError:
        return


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group that may have ended."""
    try:
        os.killpg(group, number)
    except OSError:
        return
