"""Exclusive locks between processes with flock(2). The kernel releases a lock when the process that holds it ends.

Some network and FUSE file systems do not support locks. This is not an error, because a single process works without
a lock; the functions return whether the lock is held. The module imports few others, to load fast.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from .regular_file import open_regular

_RETRY_S = 0.0005
_UNSUPPORTED_ERRNOS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


def open_lock_file(path: str | os.PathLike[str]) -> int:
    """Open the file to lock, and create it if it is missing; its folder must exist. Return the descriptor.

    A lock belongs to the open file description: another thread must open the file again, and a forked process shares
    the lock. Raises OSError.
    """
    return open_regular(path, os.O_RDWR | os.O_CREAT)


def try_lock(descriptor: int) -> bool:
    """Take the lock without waiting. Return whether it is held: False on a file system without locks.

    Raises BlockingIOError when the lock is held elsewhere.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _UNSUPPORTED_ERRNOS:
            return False
        raise
    return True


def wait_for_lock(descriptor: int, timeout_s: float) -> bool:
    """Take the lock, and wait for it. Return whether it is held: False on a file system without locks.

    Raises TimeoutError when the lock is held elsewhere for longer than `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return try_lock(descriptor)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, f"locked by another process for {timeout_s:g} s") from error
        time.sleep(_RETRY_S)


def unlock(descriptor: int) -> None:
    """Release the lock. Closing the descriptor is not enough if a process was forked: the child has it too."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
