"""The lock that allows one service per folder. The kernel releases it when its process ends, however it ends."""

from __future__ import annotations

import os
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.file_lock import open_lock_file, try_lock


class FolderLock:
    """An exclusive lock on a file; the file's content names the process that holds it."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises UserError naming the holder when another process has it, OutputError when the folder cannot be written or
        its file system has no locks.
        """
        self._folder = path.parent
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = open_lock_file(path)
        except OSError as error:
            raise unusable(path.parent, error) from error
        try:
            self._lock(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _lock(self, path: Path) -> None:
        try:
            is_locked = try_lock(self._descriptor)
        except BlockingIOError as error:
            raise UserError(
                f"{path.parent}: is served already by {_holder(path)}; use that one, stop it, or give another folder"
            ) from error
        except OSError as error:
            raise unusable(path.parent, error) from error
        if not is_locked:
            raise OutputError(
                f"{path.parent}: is on a file system without locks, such as some network mounts, and the service's "
                "database needs locks; give a folder on a local disk"
            )

    def sign(self, pid: int, url: str) -> None:
        """Write the holder's pid and URL into the file. Raises OutputError when that fails, as on a full disk."""
        content = json.dumps({"pid": pid, "url": url}).encode()
        try:
            os.pwrite(self._descriptor, content, 0)
            os.ftruncate(self._descriptor, len(content))
        except OSError as error:
            raise unusable(self._folder, error) from error

    def release(self) -> None:
        """Release the lock."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def unusable(folder: Path, error: OSError) -> OutputError:
    """Return the error for a folder that cannot be written."""
    return OutputError(
        f"{folder}: cannot be used as the service's folder ({error.strerror}); give a folder that can be written"
    )


def _holder(path: Path) -> str:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError):
        fields = None
    if not isinstance(fields, dict):
        return "a service that is just starting"
    return f"process {fields.get('pid')} at {fields.get('url')}"
