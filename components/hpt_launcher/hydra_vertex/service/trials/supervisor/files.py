"""The files that a supervisor leaves, in a folder where the trial can put what it likes."""

from __future__ import annotations

# ruff: noqa: PTH103, PTH104, PTH105, PTH108, PTH112, PTH114, PTH120, PTH123 - see __init__
import os
import time

REPORT_LIMIT_S = 7 * 24 * 3600.0
"""How long a full disk is waited for. After that the trial counts as lost, and runs again."""


def write(path: str, content: bytes) -> bool:
    """Write a whole file; False when that is impossible now."""
    try:
        _write_whole(path, content)
    except OSError:
        return False
    return True


def write_until_done(path: str, content: bytes) -> None:
    """Write a whole file. While the disk is full this process stays, and keeps what it knows."""
    give_up, pause_s = time.monotonic() + REPORT_LIMIT_S, 0.1
    while not write(path, content) and time.monotonic() < give_up:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 2.0)


def _write_whole(path: str, content: bytes) -> None:
    """Write beside `path` and rename over it. Whatever the trial has put there gives way. Raises OSError."""
    part = f"{path}.{os.getpid()}.part"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    for place in (part, path):
        _make_way(place)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _make_way(path: str) -> None:
    """Remove a file; a folder is kept under another name."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.rename(path, f"{path}.{time.time_ns()}.aside")
    elif os.path.lexists(path):
        os.unlink(path)
