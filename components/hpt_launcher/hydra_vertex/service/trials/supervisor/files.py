"""The files that a supervisor leaves, in a folder where the trial can put what it likes."""

from __future__ import annotations

# ruff: noqa: PTH103, PTH104, PTH108, PTH112, PTH114, PTH120 - see __init__
import os
import time

from hydra_vertex.protocol.whole_file import write_whole

REPORT_LIMIT_S = 7 * 24 * 3600.0
"""How long a full disk is waited for. After that the trial counts as lost, and runs again."""


def write(path: str, content: bytes) -> bool:
    """Write a whole file; False when that is impossible now."""
    try:
        _write_over(path, content)
    except OSError:
        return False
    return True


def write_until_done(path: str, content: bytes) -> None:
    """Write a whole file. While the disk is full this process stays, and keeps what it knows."""
    give_up, pause_s = time.monotonic() + REPORT_LIMIT_S, 0.1
    while not write(path, content) and time.monotonic() < give_up:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 2.0)


def _write_over(path: str, content: bytes) -> None:
    """Whatever the trial has put in the file's place gives way. Raises OSError."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _make_way(path)
    write_whole(path, content)


def _make_way(path: str) -> None:
    """Remove a file; a folder is kept under another name."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.rename(path, f"{path}.{time.time_ns()}.aside")
    elif os.path.lexists(path):
        os.unlink(path)
