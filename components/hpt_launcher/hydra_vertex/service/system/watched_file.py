"""Detects that an open file was removed from its path, replaced by another file, or truncated."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class WatchedFile:
    """A file that only grows while it is open. Its identity is taken at the first check that finds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[int, int] | None = None
        self._size_bytes = 0
        self._lock = threading.Lock()  # without it, an older size read by another thread would look like a truncation

    def problem(self) -> str:
        """Return what has happened to the file, as the end of a sentence; empty when nothing has, or it never existed.

        Raises OSError when its status cannot be read.
        """
        with self._lock:
            return self._problem()

    def _problem(self) -> str:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - called at every write; Path.stat takes three times as long
        except (FileNotFoundError, NotADirectoryError):
            return "" if self._known is None else "was removed while the service runs"
        found = (status.st_dev, status.st_ino)
        if self._known is None:
            self._known = found
        if found != self._known:
            return "was replaced while the service runs"
        if status.st_size < self._size_bytes:
            return "was truncated while the service runs"
        self._size_bytes = status.st_size
        return ""
