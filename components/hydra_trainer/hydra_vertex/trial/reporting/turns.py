"""Those who add to a metric file at once, threads and processes, take turns at a lock file beside it."""

from __future__ import annotations

import errno
import os
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.protocol.file_lock import open_lock_file, unlock, wait_for_lock

from .place import lock_file_of
from .record_index import forget_index

LOCK_TIMEOUT_S = 30.0
"""A line takes microseconds to add; who waits for longer waits for a process that hangs."""

_NESTED_TIMEOUT_S = 0.05
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})

_TURNS: set[tuple[Path, int]] = set()
"""The files whose turn it is, or is waited for, in this process, each with the thread."""
os.register_at_fork(after_in_child=_TURNS.clear)


@contextmanager
def take_turn(file: Path) -> Iterator[None]:
    """Alone among those who add to the file. Raises OSError, TimeoutError after LOCK_TIMEOUT_S.

    A signal handler of the app may report in the middle of a report of the same thread, which goes on only when the
    handler returns. So that it does not wait for itself, the handler waits for a moment and then adds its line.
    """
    turn = file, get_ident()
    is_nested = turn in _TURNS
    if is_nested:
        forget_index(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        _TURNS.add(turn)
        with _locked(lock_file_of(file), is_nested=is_nested):
            yield
    finally:
        if not is_nested:
            _TURNS.discard(turn)


@contextmanager
def _locked(lock: Path, *, is_nested: bool) -> Iterator[None]:
    """Without a lock a single process still works as it should: on a file system that has none, and where the file may
    be written and its folder may not, as that of a file that a container was given alone.
    """
    descriptor = _open_lock_file(lock)
    if descriptor is None:
        yield
        return
    try:
        is_locked = _wait_for_lock(descriptor, lock, is_nested=is_nested)
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


def _wait_for_lock(descriptor: int, lock: Path, *, is_nested: bool) -> bool:
    try:
        return wait_for_lock(descriptor, _NESTED_TIMEOUT_S if is_nested else LOCK_TIMEOUT_S)
    except TimeoutError as error:
        if is_nested:
            return False
        raise TimeoutError(error.errno, f"{lock} is held by a process that hangs") from error
