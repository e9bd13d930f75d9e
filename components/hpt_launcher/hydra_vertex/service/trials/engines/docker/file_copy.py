"""Copies a file that a container writes, and may have replaced by anything, to the trial's folder."""

from __future__ import annotations

import os
from pathlib import Path

from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.regular_file import open_regular

COPY_BYTES = 16 << 20
"""The end of a longer file is copied; less of it is read."""


def copy_changed(source: Path, target: Path, known: tuple[int, int]) -> tuple[int, int]:
    """Copy a regular file when its time (ns) or size (bytes) is not the known one. Returns what is known now.

    Links are not followed: the container's user chose where they lead. Does nothing when there is no such file.
    Raises OSError when the copy cannot be written.
    """
    try:
        descriptor = open_regular(source, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return known
    try:
        status = os.fstat(descriptor)
        found = (status.st_mtime_ns, status.st_size)
        if found == known and target.exists():
            return known
        start = max(0, status.st_size - COPY_BYTES)
        content = os.pread(descriptor, status.st_size - start, start)
    finally:
        os.close(descriptor)
    write_atomic(target, content, durable=False)
    return found
