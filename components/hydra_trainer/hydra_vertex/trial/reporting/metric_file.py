"""The one writer of a trial's metric file. Its records are cloudml-hypertune's; how it writes them is not.

A reader that polls in a tight loop sees whole records at every moment, and each report costs the same however long the
file is (see `line_append`). Threads and processes that report at once take turns at a lock file beside it, so that the
steps of each metric grow and none loses the lines of another. Every line is kept: hypertune's limit of 100 would drop
the curve of a long training, and a reader that wants only the last 100 finds them at the end.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.file_lock import open_lock_file, unlock, wait_for_lock

from .line_append import append_line, sync
from .place import lock_file_of
from .record_index import open_index
from .records import make_line, next_step

LOCK_TIMEOUT_S = 30.0
"""A line takes microseconds to add; who waits for longer waits for a process that hangs."""

_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def add_value(file: Path, metric: str, value: float, step: int | None = None) -> None:
    """Add one finite value of a metric. Without a `step` it gets one after the metric's last. Raises OutputError."""
    with _naming_what_is_lost(file, metric, value), _locked(file):
        with open_index(file) as index:
            known, longest = index.of_metric(metric), index.longest_line
        last = None if known is None else known.newest.step
        append_line(file, make_line(metric, value, next_step(step, last)), longest=longest)


def add_final_value(file: Path, metric: str, value: float) -> None:
    """Add the finite value that the trial is judged by, one step after everything in the file. Raises OutputError.

    Nothing is added when the metric's newest record holds that very value at the metric's last step: then the app has
    reported it itself. Any other value is added, such as the best one of a curve whose last point is a worse one.
    """
    with _naming_what_is_lost(file, metric, value), _locked(file):
        with open_index(file) as index:
            records, longest = index.of_all(), index.longest_line
        own = records.metrics.get(metric)
        if own is not None and own.newest.value == value and own.newest.step == own.highest_step:
            sync(file)
        else:
            line = make_line(metric, value, next_step(None, records.highest_step))
            append_line(file, line, longest=longest, durable=True)


def add_line(file: Path, line: bytes) -> None:
    """Add a record that is made already; `line` ends in a newline. Raises OSError."""
    with _locked(file):
        with open_index(file) as index:
            longest = index.longest_line
        append_line(file, line, longest=longest)


@contextmanager
def _naming_what_is_lost(file: Path, metric: str, value: float) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{file}: the measurement {metric}={value} cannot be written: {error.strerror}") from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Alone among the threads and processes that add to the file. TimeoutError after LOCK_TIMEOUT_S.

    Without a lock a single process still works as it should: on a file system that has none, and where the file may be
    written and its folder may not, as that of a file that a container was given alone.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_file_of(file)
    descriptor = _open_lock_file(lock)
    if descriptor is None:
        yield
        return
    try:
        is_locked = _wait_for_lock(descriptor, lock)
        try:
            yield
        finally:
            if is_locked:
                unlock(descriptor)
    finally:
        os.close(descriptor)


def _open_lock_file(lock: Path) -> int | None:
    try:
        return open_lock_file(lock)
    except OSError as error:
        if error.errno in _READ_ONLY:
            return None
        raise OSError(error.errno, f"its lock file {lock.name} cannot be opened: {error.strerror}") from error


def _wait_for_lock(descriptor: int, lock: Path) -> bool:
    try:
        return wait_for_lock(descriptor, LOCK_TIMEOUT_S)
    except TimeoutError as error:
        raise TimeoutError(error.errno, f"{lock} is held by a process that hangs") from error
