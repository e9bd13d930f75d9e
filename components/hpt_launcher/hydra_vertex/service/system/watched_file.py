"""Whether an open file is still the one at its path: nobody has removed it, put another in its place or cut it off."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class WatchedFile:
    """A file that only grows while it is open. It is watched from the first look that finds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[int, int] | None = None
        self._size_bytes = 0
        self._lock = threading.Lock()  # two threads that look at once must not take an older size for a smaller file

    def problem(self) -> str:
        """What has happened to it, as the end of a sentence; empty when nothing has, or it was never there.

        Raises OSError when that cannot be found out.
        """
        with self._lock:
            return self._problem()

    def _problem(self) -> str:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - called at every write; a Path takes three times as long
        except (FileNotFoundError, NotADirectoryError):
            return "" if self._known is None else "was removed while the service runs"
        found = (status.st_dev, status.st_ino)
        if self._known is None:
            self._known = found
        if found != self._known:
            return "was replaced while the service runs"
        if status.st_size < self._size_bytes:
            return "was cut off while the service runs"
        self._size_bytes = status.st_size
        return ""
