"""Writes a file where the user asked for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic


def write_output(path: Path, content: str, what: str, *, is_private: bool = False) -> None:
    """Write `what` to `path`, whole or not at all; a private file is for its user alone (mode 0600).

    Raises OutputError when that is impossible.
    """
    try:
        with private_files() if is_private else contextlib.nullcontext():
            write_atomic(path, content)
    except OSError as error:
        raise OutputError(f"{path}: {what} cannot be written ({error.strerror or error}); give another file") from error


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Files and folders that this process and its children make meanwhile are for their user alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
