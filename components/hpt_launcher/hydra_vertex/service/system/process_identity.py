"""Processes of this machine by a name that is never used twice, and the end of one as something to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

POLL_INTERVAL_S = 0.2
SWEEP_LIMIT_S = 5.0
SWEEP_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process. The pid may be given to another one later, the pair may not.

    `start_ticks` counts clock ticks from the machine's boot to the process's start (field 22 of /proc/<pid>/stat), or
    hundredths of a second since the epoch where there is no /proc.
    """

    pid: int
    start_ticks: int


def identify(pid: int) -> ProcessId | None:
    """The process that has this pid now; None when there is none, or only its exit status is left."""
    ticks = _start_ticks(pid)
    return None if ticks is None else ProcessId(pid, ticks)


def is_alive(process: ProcessId) -> bool:
    """Whether the process runs."""
    return identify(process.pid) == process


def terminate(process: ProcessId) -> None:
    """Send SIGTERM; nothing happens when the process has ended."""
    if is_alive(process):
        with contextlib.suppress(OSError):
            os.kill(process.pid, signal.SIGTERM)


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


async def kill_leftovers(name: str, value: str) -> None:
    """Kill every process that has this environment variable, as all of a trial's processes have inherited it."""
    deadline = asyncio.get_running_loop().time() + SWEEP_LIMIT_S
    while left := _with_variable(name, value):
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if asyncio.get_running_loop().time() >= deadline:
            return
        await asyncio.sleep(SWEEP_PAUSE_S)


def _with_variable(name: str, value: str) -> list[int]:
    import psutil

    return [
        process.pid
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(name) == value
    ]


def _start_ticks(pid: int) -> int | None:
    if sys.platform != "linux":
        return _start_hundredths(pid)
    try:
        # The command's name, in parentheses, may hold anything; the fields behind it may not.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def _start_hundredths(pid: int) -> int | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time() * 100)
    except psutil.Error:
        return None


def _open_descriptor(process: ProcessId) -> int | None:
    """A descriptor that becomes readable when the process ends; None where there is none, or it has ended."""
    try:
        return os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return None
