"""Reads and removes files in a trial's folder, where a trial may have put a FIFO, a device, a folder or a huge file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hydra_vertex.protocol.regular_file import open_regular


def read_end(path: Path, limit_bytes: int) -> bytes:
    """Return at most the last `limit_bytes` of a regular file. Symbolic links are followed; the call never blocks.

    Raises OSError when there is no such file, or the path is not a regular file.
    """
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        # Files in /proc have a size of 0 and may have no end.
        start = max(0, status.st_size - limit_bytes)
        return os.pread(descriptor, status.st_size - start, start)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a folder with its contents, or anything else with this name. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
