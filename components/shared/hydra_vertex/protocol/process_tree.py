"""The descendants of a process, read from /proc. Without pathlib, whose import takes a supervisor's start time."""

from __future__ import annotations

import os

PARENT = 1
"""Field 4 of /proc/<pid>/stat, counted from the first field after the command's name (proc_pid_stat(5))."""


def descendants(root: int) -> list[int]:
    """Return the pids of all descendants of `root`; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208 - without pathlib
        if name.isdigit():
            children.setdefault(stat_field(name, PARENT), []).append(int(name))
    found: list[int] = []
    level = children.get(root, [])
    while level:
        found += level
        level = [child for pid in level for child in children.get(pid, [])]
    return found


def stat_field(pid: str, index: int) -> int:
    """Return a field of a process's stat, counted as PARENT is; 0 where it cannot be read."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - without pathlib
            # The command's name, in parentheses, may contain spaces and parentheses; the fields after it may not.
            return int(file.read().rpartition(b")")[2].split()[index])
    except (OSError, IndexError, ValueError):
        return 0
