"""Makes a service's folder and its files private to the user: modes 0700 and 0600."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .folder import ServiceFolder

FOLDER_MODE = 0o700
_OTHERS = 0o077


def make_private(folder: ServiceFolder) -> str:
    """Remove the access of other users to the folder, which an earlier version may have made. Raises OSError.

    Returns why the folder itself stays as it is: it also contains other files, or belongs to another user. Empty when
    it is private. Below a folder that stays open, the service's own files and folders are private all the same.
    """
    own, others = _entries(folder)
    for path in own:
        _narrow(path)
    if not _is_open(folder.path):
        return ""
    if folder.path.stat().st_uid != os.geteuid():
        reason = "belongs to another user"
    elif others:
        reason = f"also has other files, such as {others[0].name}"
    else:
        _narrow(folder.path)
        return ""
    for path in (folder.jobs, folder.buckets):
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return f"{folder.path}: {reason}, so other users can still list it; they cannot read the files of the service in it"


def _entries(folder: ServiceFolder) -> tuple[list[Path], list[Path]]:
    """Return the entries that are the service's, and the others."""
    own: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.path.iterdir()):
        is_own = path in (folder.jobs, folder.buckets) or path.name.lstrip(".").startswith("service.")
        (own if is_own else others).append(path)
    return own, others


def _narrow(path: Path) -> None:
    """Remove the access of others. What the user may do does not change: a read-only file stays read-only."""
    status = path.lstat()
    is_ours = status.st_uid == os.geteuid() and (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode))
    if is_ours and status.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS)


def make_output_folder(path: Path, umask: int) -> None:
    """Create a folder for a trial's output, and its missing parents.

    Below a private folder they are private; elsewhere they have the modes of the user's own umask, like the files that
    the app writes into them. Raises OSError.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    if not missing or umask < 0 or not _is_open(missing[-1].parent):
        return
    for folder in missing:
        folder.chmod(0o777 & ~umask)
