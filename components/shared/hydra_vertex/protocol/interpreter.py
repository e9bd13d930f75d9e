"""Finds the Python that a command's word names, as the user's shell does."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

_PYTHON = re.compile(r"python(?P<version>\d+(\.\d+)?)?(\.exe)?")


def is_python(word: str) -> bool:
    """Whether a word is, or ends in, the name of a Python: `python`, `python3`, `/opt/env/bin/python3.12`."""
    return _PYTHON.fullmatch(word.rsplit("/", 1)[-1]) is not None


def find_python(word: str) -> str | None:
    """Return the path of the interpreter on PATH, or at the path that `word` is; None where there is none."""
    return shutil.which(str(Path(word).absolute()) if "/" in word else word)


def fits_this_python(word: str) -> bool:
    """Whether this interpreter is one of the name `word`: any is `python`, and Python 3.12 is `python3.12`."""
    match = _PYTHON.fullmatch(word)
    major, minor = sys.version_info[:2]
    return match is not None and match["version"] in (None, str(major), f"{major}.{minor}")


def is_this_python(path: Path) -> bool:
    """Compare folder and file, because several virtual environments may link to the same file."""
    this = Path(sys.executable)
    return path.parent.resolve() == this.parent.resolve() and path.resolve() == this.resolve()
