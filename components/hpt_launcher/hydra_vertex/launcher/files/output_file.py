"""Writes output files to the paths that the user names."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.private_files import private_files


def write_output(path: Path, content: str, what: str, *, is_private: bool = False) -> None:
    """Write `content` to `path` atomically. `what` names it in the error message; a private file has mode 0600.

    Raises OutputError when the file cannot be written.
    """
    try:
        with private_files() if is_private else contextlib.nullcontext():
            write_atomic(path, content)
    except OSError as error:
        raise OutputError(f"{path}: {what} cannot be written ({error.strerror or error}); give another file") from error
