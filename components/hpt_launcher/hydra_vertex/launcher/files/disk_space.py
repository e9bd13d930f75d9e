"""Whether there is space on the disks of some folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.protocol.shortage import NO_SPACE

LOW_BYTES = 1 << 20
"""With less than that a database or a log cannot be relied on to grow."""
PROBE_BYTES = 4096
NO_SPACE_EXIT_CODE = 74
"""A step that a full disk has ended: EX_IOERR of sysexits.h."""
DISKS_VARIABLE = "HYDRA_VERTEX_DISKS"
"""Tells a step of a local run which folders to watch, separated like the parts of PATH."""


@dataclass(frozen=True, slots=True)
class FullDisk:
    """A folder in which nothing more can be written, and why."""

    folder: Path
    reason: str

    def __str__(self) -> str:
        return f"the disk of {self.folder} is full ({self.reason})"


def full_disk(folders: Iterable[Path]) -> FullDisk | None:
    """The first of the folders whose disk is full: no bytes, no inodes, or no quota left. None when none is.

    A folder that does not exist yet stands for the nearest one above it that does.
    """
    for folder in _one_a_disk(folders):
        if reason := _why_full(folder):
            return FullDisk(folder, reason)
    return None


def is_no_space(error: BaseException | None) -> bool:
    """Whether an error, or one that it comes from, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            return True
        # The copy of a tree collects what went wrong as text.
        if isinstance(error, shutil.Error) and any(os.strerror(number) in str(error) for number in NO_SPACE):
            return True
        error = error.__cause__ or error.__context__
    return False


def watched_folders(text: str) -> tuple[Path, ...]:
    """The folders in the value of DISKS_VARIABLE."""
    return tuple(Path(part) for part in text.split(os.pathsep) if part)


def _one_a_disk(folders: Iterable[Path]) -> Iterator[Path]:
    devices: set[int] = set()
    for folder in folders:
        there = _nearest(folder)
        try:
            device = there.stat().st_dev
        except OSError:
            continue
        if device not in devices:
            devices.add(device)
            yield there


def _nearest(folder: Path) -> Path:
    # is_dir() would raise what stat() raises, such as that a part above may not be looked into.
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
    """What a small file without a name meets with: a quota shows in nothing else."""
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
