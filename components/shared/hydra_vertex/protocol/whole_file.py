"""Writes a file atomically: into a temporary file beside it, which is then renamed.

The module imports few others, to load fast.
"""

from __future__ import annotations

import os

DEFAULT_MODE, PRIVATE_MODE = 0o666, 0o600


def write_whole(path: str, content: bytes, *, durable: bool = True, mode: int = DEFAULT_MODE) -> None:
    """Replace a file so that a reader sees the old or the new content, never a part. The folder must exist.

    The file gets the permissions `mode` minus the umask. Without `durable` there is no fsync: the file may be lost in a
    power failure. Raises OSError.
    """
    descriptor, part = _create_beside(path, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105 - importing pathlib would take as long as all other imports
    except BaseException:
        _remove(part)
        raise


def _create_beside(path: str, mode: int) -> tuple[int, str]:
    """Create a file beside `path` with these permissions (`tempfile` gives others). Return descriptor and path."""
    folder, slash, name = path.rpartition("/")
    while True:
        part = f"{folder}{slash}.{name}.{os.urandom(4).hex()}"
        try:
            return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), part
        except FileExistsError:
            continue


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 - as above
    except FileNotFoundError:
        return
