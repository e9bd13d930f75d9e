"""Determines how many CPUs this process may use."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def usable_cpus() -> int:
    """Return the number of CPUs in this process's affinity mask, limited by its cgroup's quota; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_cpus(OWN_CGROUP, CGROUPS)
    return affinity if quota is None else max(1, min(affinity, int(quota)))


def cgroup_cpus(own_cgroup: Path, root: Path) -> float | None:
    """Return the smallest quota of the process's cgroup (version 2) and its ancestors, in CPUs; None without a quota.

    A container sees its own cgroup as the root, or under the host's path if that is visible; both are read.
    """
    folders = [PurePosixPath()]
    for line in _read(own_cgroup).splitlines():
        if line.startswith("0::/"):
            place = PurePosixPath(line.removeprefix("0::/"))
            folders = [place, *place.parents]
    quotas = [quota for folder in folders if (quota := _quota(_read(root / folder / "cpu.max"))) is not None]
    return min(quotas, default=None)


def _quota(text: str) -> float | None:
    """Parse cpu.max: `50000 100000` is half a CPU, `max 100000` no limit."""
    fields = text.split()
    if len(fields) != 2 or not all(field.isdecimal() for field in fields) or int(fields[1]) == 0:
        return None
    return int(fields[0]) / int(fields[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
