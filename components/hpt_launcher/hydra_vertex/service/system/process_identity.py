"""Identifies processes of this machine by pid and start time, sends them signals and waits for their end.

A process table that cannot be read at the moment (no free file descriptor) does not mean that a process has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

POLL_INTERVAL_S = 0.2
GONE = (FileNotFoundError, ProcessLookupError)
_ZOMBIE_OR_DEAD = {b"Z", b"X"}
_STOPPED = {b"T", b"t"}
_STATE, _PARENT, _START_TIME = 0, 1, 19
"""Fields 3, 4 and 22 of /proc/<pid>/stat, counted from the first field after the command's name (proc_pid_stat(5))."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process. The kernel may reuse the pid later, but not the pair of pid and start time.

    `start_ticks` counts clock ticks from the machine's boot to the process's start (field 22 of /proc/<pid>/stat), or
    hundredths of a second since the epoch where there is no /proc.
    """

    pid: int
    start_ticks: int


def identify(pid: int) -> ProcessId | None:
    """Return the process that has this pid now; None when there is none, or it is a zombie.

    Raises OSError when that cannot be read at the moment.
    """
    if sys.platform != "linux":
        return _identify_by_psutil(pid)
    fields = _stat(pid)
    return None if fields is None or fields[_STATE] in _ZOMBIE_OR_DEAD else ProcessId(pid, int(fields[_START_TIME]))


def is_alive(process: ProcessId) -> bool:
    """Whether the process runs; True also while that cannot be read."""
    try:
        return identify(process.pid) == process
    except OSError:
        return True


def identify_zombie(pid: int) -> ProcessId | None:
    """Return the process with this pid if it is a zombie, otherwise None. Raises OSError as `identify` does."""
    fields = _stat(pid) if sys.platform == "linux" else None
    is_zombie = fields is not None and fields[_STATE] in _ZOMBIE_OR_DEAD
    return ProcessId(pid, int(fields[_START_TIME])) if is_zombie and fields is not None else None


def is_child(process: ProcessId) -> bool:
    """Whether the given process, which may be a zombie, is a child of this process."""
    with contextlib.suppress(OSError):
        fields = _stat(process.pid) if sys.platform == "linux" else None
        if fields is not None and int(fields[_START_TIME]) == process.start_ticks:
            return int(fields[_PARENT]) == os.getpid()
    return False


def send_signal(process: ProcessId, number: int) -> bool:
    """Send a signal. Returns False when the process has ended, or cannot be identified at the moment."""
    with contextlib.suppress(OSError):
        if identify(process.pid) == process:
            os.kill(process.pid, number)
            return True
    return False


def resume_stopped(process: ProcessId) -> bool:
    """Send SIGCONT to a stopped process, so that it handles its pending signals. Returns whether SIGCONT was sent."""
    with contextlib.suppress(OSError):
        fields = _stat(process.pid) if sys.platform == "linux" else None
        if fields is not None and fields[_STATE] in _STOPPED:
            return send_signal(process, signal.SIGCONT)
    return False


async def wait_ended(process: ProcessId) -> None:
    """Wait until the process has ended. Uses a process descriptor (pidfd_open(2)) where there is one, else polls."""
    descriptor = _open_descriptor(process)
    if descriptor is None:
        while is_alive(process):
            await asyncio.sleep(POLL_INTERVAL_S)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        loop.add_reader(descriptor, ended.set)
        # The descriptor may be of a later process with the same pid; an open one keeps its process, so check again.
        if is_alive(process):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/<pid>/stat after the command's name; None when there is no such process."""
    try:
        # The command's name, in parentheses, may contain spaces and parentheses; the fields after it may not.
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except GONE:
        return None


def _identify_by_psutil(pid: int) -> ProcessId | None:
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else ProcessId(pid, round(process.create_time() * 100))
    except psutil.Error:
        return None


def _open_descriptor(process: ProcessId) -> int | None:
    """A descriptor that becomes readable when the process ends; None without support for them, or after its end."""
    try:
        return os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return None
