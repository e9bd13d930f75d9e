"""A log of limited size."""

from __future__ import annotations

import os

from hydra_vertex.protocol.regular_file import open_regular
from hydra_vertex.protocol.shortage import NO_RESOURCES

READ_BYTES = 1 << 16
"""The most that is written in one call."""


class CappedLog:
    """A log file that, above its limit, keeps the first quarter and at least the last quarter of the limit."""

    def __init__(self, path: str, limit_bytes: int) -> None:
        """Open and empty the file. Where no file can be opened, output is discarded. Raises OSError in a shortage."""
        try:
            self._file = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        except OSError as error:
            if error.errno in NO_RESOURCES:
                raise
            self._file = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        # No write exceeds a quarter of the limit, so that removing the middle always makes enough room.
        self._limit = max(limit_bytes, 4 * READ_BYTES)
        self._size = 0
        self._left_out = 0

    def write(self, data: bytes) -> None:
        """Append. On a full disk, output is lost; the trial continues."""
        try:
            if self._size + len(data) > self._limit:
                self._compact()
            self._size += os.write(self._file, data)
        except OSError:
            return

    def _compact(self) -> None:
        quarter = self._limit // 4
        tail = os.pread(self._file, quarter, self._size - quarter)
        self._left_out += self._size - 2 * quarter
        note = f"\n[... {self._left_out} bytes of log left out here ...]\n".encode()
        os.ftruncate(self._file, quarter)
        os.lseek(self._file, quarter, os.SEEK_SET)
        self._size = quarter + os.write(self._file, note + tail)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
