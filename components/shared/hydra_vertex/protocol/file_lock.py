"""Exclusive locks between processes, by flock(2). The kernel frees a lock when its holder ends. It imports little.

Some file systems have no locks: some network mounts, some FUSE ones. There a single process still works as it should,
so that this is no error; the functions say whether there is a lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from .regular_file import open_regular

_RETRY_S = 0.0005
_NO_LOCKS_HERE = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


def open_lock_file(path: str | os.PathLike[str]) -> int:
    """A descriptor of the file to lock, which is made where there is none. Raises OSError; its folder has to exist.

    The lock belongs to this opening: another thread has to open the file again, and a forked process shares the lock.
    """
    return open_regular(path, os.O_RDWR | os.O_CREAT)


def try_lock(descriptor: int) -> bool:
    """Lock at once. Whether there is a lock: False on a file system without them.

    Raises BlockingIOError when somebody else holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS_HERE:
            return False
        raise
    return True


def wait_for_lock(descriptor: int, timeout_s: float) -> bool:
    """Lock, waiting for the holder. Whether there is a lock: False on a file system without them.

    Raises TimeoutError when somebody else holds it for longer than `timeout_s`.
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
    """Free the lock. Closing is not enough where a process was forked meanwhile: it has the descriptor too."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
