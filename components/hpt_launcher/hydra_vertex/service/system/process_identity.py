"""Processes of this machine, each by a name that is never used twice, and what is done to them.

A process table that cannot be read now, as without a free file descriptor, does not say that a process has ended.
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
"""Fields 3, 4 and 22 of /proc/<pid>/stat, counted from the first one behind the command's name (proc_pid_stat(5))."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process. The pid may be given to another one later, the pair may not.

    `start_ticks` counts clock ticks from the machine's boot to the process's start (field 22 of /proc/<pid>/stat), or
    hundredths of a second since the epoch where there is no /proc.
    """

    pid: int
    start_ticks: int


def identify(pid: int) -> ProcessId | None:
    """The process that has this pid now; None when there is none, or only its exit status is left.

    Raises OSError when that cannot be read now.
    """
    if sys.platform != "linux":
        return _identify_by_psutil(pid)
    fields = _stat(pid)
    return None if fields is None or fields[_STATE] in _ZOMBIE_OR_DEAD else ProcessId(pid, int(fields[_START_TIME]))


def is_alive(process: ProcessId) -> bool:
    """Whether the process runs. It counts as running while that cannot be read."""
    try:
        return identify(process.pid) == process
    except OSError:
        return True


def identify_zombie(pid: int) -> ProcessId | None:
    """The process with this pid that has exited and was not reaped, else None. Raises OSError as `identify` does."""
    fields = _stat(pid) if sys.platform == "linux" else None
    is_zombie = fields is not None and fields[_STATE] in _ZOMBIE_OR_DEAD
    return ProcessId(pid, int(fields[_START_TIME])) if is_zombie and fields is not None else None


def is_child(process: ProcessId) -> bool:
    """Whether this process is the parent of another one, which may be a zombie."""
    with contextlib.suppress(OSError):
        fields = _stat(process.pid) if sys.platform == "linux" else None
        if fields is not None and int(fields[_START_TIME]) == process.start_ticks:
            return int(fields[_PARENT]) == os.getpid()
    return False


def send_signal(process: ProcessId, number: int) -> bool:
    """Send a signal; False when the process has ended, or cannot be told from another one now."""
    with contextlib.suppress(OSError):
        if identify(process.pid) == process:
            os.kill(process.pid, number)
            return True
    return False


def resume_stopped(process: ProcessId) -> bool:
    """Send SIGCONT to a process that a signal has stopped: other signals wait in it. Whether it was stopped."""
    with contextlib.suppress(OSError):
        fields = _stat(process.pid) if sys.platform == "linux" else None
        if fields is not None and fields[_STATE] in _STOPPED:
            return send_signal(process, signal.SIGCONT)
    return False


async def wait_ended(process: ProcessId) -> None:
    """Wait until the process has ended: without polling where the kernel has process descriptors."""
    descriptor = _open_descriptor(process)
    if descriptor is None:
        while is_alive(process):
            await asyncio.sleep(POLL_INTERVAL_S)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        loop.add_reader(descriptor, ended.set)
        # The descriptor may be of a later process with the same pid; its identity is settled now that it is open.
        if is_alive(process):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/<pid>/stat behind the command's name; None when there is no such process."""
    try:
        # The command's name, in parentheses, may hold anything; the fields behind it may not.
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
    """A descriptor that becomes readable when the process ends; None where there is none, or it has ended."""
    try:
        return os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return None
