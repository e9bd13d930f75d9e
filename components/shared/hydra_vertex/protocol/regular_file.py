"""Opens a file that is expected to be a regular one, where something else may have its name. It imports little."""

from __future__ import annotations

import errno
import os
import stat

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def open_regular(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> int:
    """A descriptor of a regular file, or of one that a link leads to. It never waits and is not inherited.

    `flags` and `mode` are those of `os.open`. Raises OSError, with EINVAL when something else has this name.
    """
    # Without O_NONBLOCK the open itself would wait for the other end of a FIFO.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    kind = irregular_kind(os.fstat(descriptor).st_mode)
    if kind is None:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", os.fspath(path))


def irregular_kind(mode: int) -> str | None:
    """What a file of this `st_mode` is, such as `a FIFO`; None for a regular file."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something else")
