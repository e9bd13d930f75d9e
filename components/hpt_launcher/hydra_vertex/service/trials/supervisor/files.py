"""Writes the supervisor's files, in a folder where the trial may have put other things under their names."""

from __future__ import annotations

# ruff: noqa: PTH103, PTH104, PTH108, PTH112, PTH114, PTH120 - see __init__
import os
import time

from hydra_vertex.protocol.whole_file import write_whole

REPORT_LIMIT_S = 7 * 24 * 3600.0
"""How long to wait for space on a full disk. After that the trial counts as lost, and runs again."""


def write(path: str, content: bytes) -> bool:
    """Write a whole file. Returns False when that is impossible at the moment."""
    try:
        _write_over(path, content)
    except OSError:
        return False
    return True


def write_until_done(path: str, content: bytes) -> None:
    """Write a whole file, with retries for REPORT_LIMIT_S while the disk is full."""
    give_up, pause_s = time.monotonic() + REPORT_LIMIT_S, 0.1
    while not write(path, content) and time.monotonic() < give_up:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 2.0)


def _write_over(path: str, content: bytes) -> None:
    """Write a file, after removing whatever has its name. Raises OSError."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _remove_obstacle(path)
    write_whole(path, content)


def _remove_obstacle(path: str) -> None:
    """Remove a file or link; rename a folder."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.rename(path, f"{path}.{time.time_ns()}.aside")
    elif os.path.lexists(path):
        os.unlink(path)
