"""Serializes the writers of a metric file, threads and processes, with a lock file beside it."""

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
"""Limit of the wait for the lock. Adding a line takes microseconds, so a longer wait means that a process hangs."""

_NESTED_TIMEOUT_S = 0.05
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})

_TURNS: set[tuple[Path, int]] = set()
"""The files that threads of this process have locked or wait for, each with the thread's id."""
os.register_at_fork(after_in_child=_TURNS.clear)


@contextmanager
def take_turn(file: Path) -> Iterator[None]:
    """Hold the exclusive lock of a metric file. Raises OSError, and TimeoutError after LOCK_TIMEOUT_S.

    A signal handler of the app may report during a report of the same thread, which continues only after the handler
    has returned. To avoid a deadlock, the handler waits 50 ms and then adds its line without the lock.
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
    """Hold the lock, or continue without it where none is possible: on a file system without locks, or if the file is
    writable but its folder is not, such as a single file mounted into a container. One process is still safe there.
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
        raise TimeoutError(error.errno, f"{lock} is locked by a process that hangs") from error
