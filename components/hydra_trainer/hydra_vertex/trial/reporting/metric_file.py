"""The one writer of a trial's metric file. Its records are cloudml-hypertune's; how it writes them is not.

A reader that polls in a tight loop sees a whole file at every moment, because each new state is written beside the file
and renamed over it. Threads and processes that report at once take turns at a lock file beside it, so none loses the
lines of another. Every line is kept: hypertune's limit of 100 would drop the curve of a long training, and a reader
that wants only the last 100 finds them at the end.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic

from .records import make_line, newest_first, next_step

LOCK_TIMEOUT_S = 30.0
"""A line takes milliseconds to add; who waits for longer waits for a process that hangs."""

_RETRY_S = 0.0005
_LOCK_MODE = 0o666
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def add_value(file: Path, metric: str, value: float, step: int | None = None) -> None:
    """Add one finite value of a metric. Without a `step` it gets one after the metric's last. Raises OutputError."""
    with _naming_what_is_lost(file, metric, value), _locked(file):
        content = _read(file)
        last = next((record.step for record in newest_first(content) if record.metric == metric), None)
        _append(file, content, make_line(metric, value, next_step(step, last)))


def add_final_value(file: Path, metric: str, value: float) -> None:
    """Add the finite value that the trial is judged by, one step after everything in the file. Raises OutputError.

    Nothing is added when the metric's newest record holds that very value at the metric's last step: then the app has
    reported it itself. Any other value is added, such as the best one of a curve whose last point is a worse one.
    """
    with _naming_what_is_lost(file, metric, value), _locked(file):
        content = _read(file)
        records = tuple(newest_first(content))
        own = [record for record in records if record.metric == metric]
        if own and own[0].value == value and own[0].step == max(record.step for record in own):
            return
        last = max((record.step for record in records), default=None)
        _append(file, content, make_line(metric, value, next_step(None, last)), durable=True)


def add_line(file: Path, line: bytes) -> None:
    """Add a record that is made already; `line` ends in a newline. Raises OSError."""
    with _locked(file):
        _append(file, _read(file), line)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _append(file: Path, content: bytes, line: bytes, *, durable: bool = False) -> None:
    """Waiting for the disk takes longer than all the rest, too long for an app that reports every batch."""
    separator = b"\n" if content and not content.endswith(b"\n") else b""
    write_atomic(file.resolve(), content + separator + line, durable=durable)  # a link stays a link


@contextmanager
def _naming_what_is_lost(file: Path, metric: str, value: float) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{file}: the measurement {metric}={value} cannot be written: {error.strerror}") from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Alone among the threads and processes that add to the file. TimeoutError after LOCK_TIMEOUT_S."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = file.with_name(f".{file.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _LOCK_MODE)
    try:
        locked = _acquire(descriptor, lock)
        try:
            yield
        finally:
            # Closing is not enough: a process forked meanwhile, such as a data loader's worker, has the descriptor too.
            if locked:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, lock: Path) -> bool:
    """Whether there is a lock: on a file system without them a single writer is still right."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, f"{lock} is held by a process that hangs") from error
            time.sleep(_RETRY_S)
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:
                raise
            return False
        else:
            return True
