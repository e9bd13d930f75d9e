"""Writes whole files: beside their place, and renamed over it when complete. It imports little."""

from __future__ import annotations

import os


def write_whole(path: str, content: bytes, *, durable: bool = True) -> None:
    """A reader sees the old file or the new one, never half of one. The file's folder has to exist.

    The file gets the permissions that the umask gives a new file. What is not `durable` outlives this process but
    perhaps not a power cut: it does not wait for the disk. Raises OSError.
    """
    descriptor, part = _create_beside(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105 - pathlib would take as long as all the rest
    except BaseException:
        _remove(part)
        raise


def _create_beside(path: str) -> tuple[int, str]:
    """A new file, with the permissions that the umask gives it; `tempfile` gives others."""
    folder, slash, name = path.rpartition("/")
    while True:
        part = f"{folder}{slash}.{name}.{os.urandom(4).hex()}"
        try:
            return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), part
        except FileExistsError:
            continue


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 - as above
    except FileNotFoundError:
        return
