"""Finds the checkpoint that a trial or a retraining starts from: the newest complete one of the first kind that exists.

The kinds, in this order:

1. `last*.ckpt`, which Lightning keeps with `save_last`
2. `*.ckpt`
3. a folder `checkpoint-N`, written by the Hugging Face Trainer
4. `*.pt` or `*.pth`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_DEPTH = 4
"""Number of folder levels below the checkpoint folder that are searched."""

_KINDS = (
    re.compile(r"last.*\.ckpt"),
    re.compile(r".*\.ckpt"),
    re.compile(r"checkpoint-\d+"),
    re.compile(r".*\.pth?"),
)
TEMPORARY_NAME = re.compile(r"\..*|.*~|(.*[._-])?(tmp|temp|part|partial|incomplete)([._-].*)?", re.IGNORECASE)
# The file that is written last into a checkpoint folder: by Lightning's FSDP, by DeepSpeed, by Hugging Face.
_WRITTEN_LAST = ("meta.pt", "latest", "trainer_state.json")
_ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    """A possible checkpoint; the greatest one is preferred. `rank` is highest for the first kind."""

    rank: int
    modified_ns: int
    path: Path


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint in `folder` or below it; None when there is none. Unreadable files are skipped."""
    for candidate in sorted(_candidates(folder, MOST_DEPTH), reverse=True):
        with suppress(OSError):
            if candidate.path.is_dir() or _is_whole(candidate.path):
                return candidate.path
    return None


def _candidates(folder: Path, depth: int) -> Iterator[_Candidate]:
    for path in _entries(folder):
        rank = _rank(path.name)
        is_folder = path.is_dir()
        # The files inside a checkpoint folder are not checkpoints themselves, even if it is incomplete.
        if rank is not None and (is_folder or path.is_file()):
            modified_ns = _written_ns(path, is_folder)
            if modified_ns is not None:
                yield _Candidate(rank, modified_ns, path)
        elif is_folder and depth > 0:
            yield from _candidates(path, depth - 1)


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not TEMPORARY_NAME.fullmatch(path.name)]
    except OSError:
        return []


def _rank(name: str) -> int | None:
    return next((len(_KINDS) - place for place, kind in enumerate(_KINDS) if kind.fullmatch(name)), None)


def _written_ns(path: Path, is_folder: bool) -> int | None:
    """Return the modification time of the file that is written last; None when it is empty or missing."""
    files = [path / name for name in _WRITTEN_LAST] if is_folder else [path]
    for file in files:
        with suppress(OSError):
            status = file.stat()
            if status.st_size > 0:
                return status.st_mtime_ns
    return None


def _is_whole(file: Path) -> bool:
    """Whether the file is not a truncated zip file. torch writes zip files, whose directory is at their end."""
    with file.open("rb") as stream:
        if stream.read(len(_ZIP_START)) != _ZIP_START:
            return True
        import zipfile

        return zipfile.is_zipfile(stream)
