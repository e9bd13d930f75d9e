"""Writes output files to the paths that the user names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic


def write_output(path: Path, content: str, what: str, *, is_private: bool = False) -> None:
    """Write `content` to `path` atomically. `what` names it in the error message; a private file has mode 0600.

    Raises OutputError when the file cannot be written.
    """
    try:
        with private_files() if is_private else contextlib.nullcontext():
            write_atomic(path, content)
    except OSError as error:
        raise OutputError(f"{path}: {what} cannot be written ({error.strerror or error}); give another file") from error


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Within this context, files and folders made by this process and its children are private to the user."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
