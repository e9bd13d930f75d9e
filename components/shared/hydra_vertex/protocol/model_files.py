"""Finds models and checkpoints by their names in a folder that an app has written. Opens no file.

A file counts as a model by its suffix, and so does a folder such as `checkpoint-500` or `epoch=3.ckpt`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from .checkpoints import TEMPORARY_NAME

MOST_DEPTH = 6
"""Number of folder levels below a folder that are searched."""

_FILE = re.compile(
    r".+\.(ckpt|pt|pth|pt2|safetensors|joblib|pkl|pickle|keras|h5|hdf5|onnx|tflite|bst|ubj|cbm|msgpack|gguf)"
    r"|saved_model\.pb|pytorch_model.*\.bin|model\.bin",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"checkpoint-\d+|.+\.ckpt", re.IGNORECASE)


def model_parts(folder: Path) -> tuple[Path, ...]:
    """Return the files of `folder` with a model's name, and the folders below it that hold one: each as a whole.

    A model's folder has files of other names too, such as `config.json`. Hidden and temporary entries are left out, and
    a link to a folder is not followed. Unreadable folders count as empty.
    """
    return tuple(_parts(folder, MOST_DEPTH, is_top=True))


def has_files(folder: Path) -> bool:
    """Whether there is a file in the folder or below it. A folder that cannot be read has none."""
    return any(files for _, _, files in os.walk(folder))


def common_folder(parts: tuple[Path, ...]) -> Path:
    """Return the deepest folder with all the parts. There has to be a part."""
    folders = [str(part if part.is_dir() else part.parent) for part in parts]
    return Path(os.path.commonpath(folders))


def _parts(folder: Path, depth: int, *, is_top: bool) -> Iterator[Path]:
    entries = _entries(folder)
    files = [path for path in entries if _FILE.fullmatch(path.name) and path.is_file()]
    if files and not is_top:
        yield folder
        return
    yield from files
    for path in entries:
        if path.is_symlink() or not path.is_dir():
            continue
        if _FOLDER.fullmatch(path.name) and has_files(path):
            yield path
        elif depth > 0:
            yield from _parts(path, depth - 1, is_top=False)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not TEMPORARY_NAME.fullmatch(path.name))
    except OSError:
        return []
