"""Opens regular files only: refuses FIFOs, sockets, devices and folders without waiting.

The module imports few others, to load fast.
"""

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
    """Open a regular file, or a link to one, without waiting. The returned descriptor is not inherited by children.

    `flags` and `mode` are those of `os.open`. Raises OSError, with EINVAL when the path is not a regular file.
    """
    # Without O_NONBLOCK, opening a FIFO would wait for its other end.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    kind = irregular_kind(os.fstat(descriptor).st_mode)
    if kind is None:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", os.fspath(path))


def irregular_kind(mode: int) -> str | None:
    """Return the kind of a file with this `st_mode`, such as `a FIFO`; None for a regular file."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something else")
