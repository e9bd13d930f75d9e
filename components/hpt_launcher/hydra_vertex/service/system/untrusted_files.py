"""Reads what lies in a trial's folder, where the trial can put what it likes: a FIFO, a device, a folder, a flood."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hydra_vertex.protocol.regular_file import open_regular


def read_end(path: Path, limit_bytes: int) -> bytes:
    """The last bytes of a regular file, or of one that a link leads to; it neither waits nor reads without end.

    Raises OSError when there is none, or when something else has its name.
    """
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
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
