"""The file with the token of a service, which only the user can read: the given token, else a new one at each start."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.protocol.whole_file import PRIVATE_MODE, write_whole


@contextlib.contextmanager
def folder_token(path: Path, given: str | None = None) -> Iterator[str]:
    """Write a token to `path`, and remove the file at the end of the block. None makes a new one. Raises OSError.

    A token of an earlier start is of no use to a program that listens on the port of a service that has ended.
    """
    token = given or secrets.token_urlsafe(32)
    write_whole(str(path), f"{token}\n".encode(), durable=False, mode=PRIVATE_MODE)
    try:
        yield token
    finally:
        with contextlib.suppress(OSError):
            if path.read_text().strip() == token:
                path.unlink()
