"""Reads what lies in a trial's folder, where the trial can put what it likes: a FIFO, a device, a folder, a flood."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path


def read_end(path: Path, limit_bytes: int) -> bytes:
    """The last bytes of a regular file, or of one that a link leads to; it neither waits nor reads without end.

    Raises OSError when there is none, or when something else has its name.
    """
    # Without O_NONBLOCK the open itself would wait for somebody to write into a FIFO.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        # The kernel's own files have a size of 0 and may have no end.
        start = max(0, status.st_size - limit_bytes)
        return os.pread(descriptor, status.st_size - start, start)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a folder with all that is in it, or whatever else has this name. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
