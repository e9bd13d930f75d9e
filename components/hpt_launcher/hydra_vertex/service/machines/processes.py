"""Measures the processes of a trial on this machine by psutil: the descendants of its supervisor.

CPU: the seconds of all descendants, and those of the descendants that have ended: the kernel adds them to the parent
that has reaped them. The supervisor's own seconds are left out. Memory: the proportional set size (PSS), in which a
page that n processes share counts 1/n in each, so that forked data loaders do not count their parent's memory again;
where the system has no PSS, the resident set size (RSS), which counts it in each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .reading import NotMeasuredError, WorkerReading

if TYPE_CHECKING:
    import psutil


def tree_of(pid: int) -> Sequence[psutil.Process]:
    """Return a process and its descendants; nothing when it has ended. Raises NotMeasuredError."""
    import psutil

    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    except (psutil.Error, OSError) as error:
        raise NotMeasuredError(f"the processes cannot be listed: {error}") from error


def read_processes(
    tree: Sequence[psutil.Process], *, cpus: float | None = None, memory_limit_bytes: int | None = None
) -> WorkerReading:
    """Measure the descendants of the first process of a tree."""
    root, *rest = tree
    return WorkerReading(
        cpu_s=_cpu_s(root, rest),
        origin=_origin(root),
        memory_bytes=sum(_memory_bytes(rest)),
        cpus=cpus,
        memory_limit_bytes=memory_limit_bytes or _machine_bytes(),
    )


def _cpu_s(root: psutil.Process, rest: Sequence[psutil.Process]) -> float:
    total_s = 0.0
    for process in (root, *rest):
        with _ended_in_between():
            times = process.cpu_times()
            own_s = 0.0 if process is root else times.user + times.system
            total_s += own_s + _reaped_s(times)
    return total_s


def _reaped_s(times: object) -> float:
    """Return the seconds of the children that a process has reaped; macOS does not say them of other processes."""
    return float(getattr(times, "children_user", 0.0)) + float(getattr(times, "children_system", 0.0))


def _memory_bytes(processes: Sequence[psutil.Process]) -> Iterator[int]:
    for process in processes:
        with _ended_in_between():
            yield _memory_of(process)


def _memory_of(process: psutil.Process) -> int:
    import psutil

    try:
        # psutil 8 renames it; the field is there on Linux only.
        return int(process.memory_full_info().pss)
    except (AttributeError, psutil.AccessDenied):
        return int(process.memory_info().rss)


def _origin(root: psutil.Process) -> str:
    with _ended_in_between():
        return f"{root.pid}-{root.create_time():.2f}"
    return ""


def _machine_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _ended_in_between() -> contextlib.suppress:
    """Leave out a process that ends while it is measured."""
    import psutil

    return contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError)
