"""Finds the processes that a command has started, by a variable of the environment that all of them inherit."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "HYDRA_VERTEX_TEST"


def marked_processes(mark: str) -> list[str]:
    """Return the command lines of the running processes with this mark."""
    return [line for _, line in _marked(mark)]


def kill_marked(mark: str) -> None:
    for pid, _ in _marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _marked(mark: str) -> Iterator[tuple[int, str]]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{VARIABLE}={mark}".encode() in (process / "environ").read_bytes():
                yield int(process.name), (process / "cmdline").read_text().replace("\0", " ")[:200]
