"""Writes a file where the user asked for it."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic


def write_output(path: Path, content: str, what: str) -> None:
    """Write `what` to `path`, whole or not at all. Raises OutputError when that is impossible."""
    try:
        write_atomic(path, content)
    except OSError as error:
        raise OutputError(f"{path}: {what} cannot be written ({error.strerror or error}); give another file") from error
