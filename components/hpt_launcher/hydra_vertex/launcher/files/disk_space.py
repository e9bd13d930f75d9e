"""Checks whether the disks of some folders have free space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.protocol.shortage import NO_SPACE

LOW_BYTES = 1 << 20
"""A disk with less free space counts as full: a database or a log might not grow any more."""
PROBE_BYTES = 4096
NO_SPACE_EXIT_CODE = 74
"""Exit code of a step that ended because of a full disk: EX_IOERR of sysexits.h."""
DISKS_VARIABLE = "HYDRA_VERTEX_DISKS"
"""Environment variable with the folders whose disks a step of a local run checks, separated as in PATH."""


@dataclass(frozen=True, slots=True)
class FullDisk:
    """A folder whose disk is full, and why."""

    folder: Path
    reason: str

    def __str__(self) -> str:
        return f"the disk of {self.folder} is full ({self.reason})"


def full_disk(folders: Iterable[Path]) -> FullDisk | None:
    """Return the first of the folders whose disk has no bytes, no inodes or no quota left; None when there is none.

    For a folder that does not exist yet, its nearest existing parent is checked.
    """
    for folder in _one_a_disk(folders):
        if reason := _why_full(folder):
            return FullDisk(folder, reason)
    return None


def is_no_space(error: BaseException | None) -> bool:
    """Whether an error, or an error in its chain of causes, was raised because of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            return True
        # shutil.copytree collects its errors as text.
        if isinstance(error, shutil.Error) and any(os.strerror(number) in str(error) for number in NO_SPACE):
            return True
        error = error.__cause__ or error.__context__
    return False


def watched_folders(text: str) -> tuple[Path, ...]:
    """Parse the folders in the value of DISKS_VARIABLE."""
    return tuple(Path(part) for part in text.split(os.pathsep) if part)


def _one_a_disk(folders: Iterable[Path]) -> Iterator[Path]:
    devices: set[int] = set()
    for folder in folders:
        existing = _nearest_existing(folder)
        try:
            device = existing.stat().st_dev
        except OSError:
            continue
        if device not in devices:
            devices.add(device)
            yield existing


def _nearest_existing(folder: Path) -> Path:
    # Path.is_dir() would raise the errors of stat(), such as PermissionError on a parent folder.
    return next((place for place in (folder, *folder.parents) if os.path.isdir(place)), folder)  # noqa: PTH112


def _why_full(folder: Path) -> str:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    free_bytes = disk.f_bavail * disk.f_frsize
    if disk.f_blocks and free_bytes < LOW_BYTES:
        return f"{free_bytes:,} bytes free"
    if disk.f_files and disk.f_favail == 0:
        return "no inodes free"
    return _refused_probe(folder)


def _refused_probe(folder: Path) -> str:
    """Return the error of writing a small unnamed file; empty when that succeeds. Nothing else reveals a quota."""
    flags = getattr(os, "O_TMPFILE", 0)
    if not flags:
        return ""
    try:
        descriptor = os.open(folder, flags | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, bytes(PROBE_BYTES))
        finally:
            os.close(descriptor)
    except OSError as error:
        return (error.strerror or "").lower() if error.errno in NO_SPACE else ""
    return ""
