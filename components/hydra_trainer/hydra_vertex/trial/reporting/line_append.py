"""Adds a line to a file that others read at any moment, in a time that does not depend on the file's size.

A reader never finds the file empty, and never finds part of a line. A write(2) gives no such promise: a reader between
the pages of a write sees the first of them. It does hold for a write within one page. Linux copies the bytes into the
page and sets the file's size afterwards, once (`generic_perform_write` in mm/filemap.c), and a read takes no bytes
behind the size that it finds (`filemap_read` there). So a reader sees the size from before or the size from after, and
with the latter the whole line. XFS and other systems lock reads against writes, and promise more. A process that is
killed has written all of the line or nothing, since a signal interrupts a write only between pages.

Lines are therefore laid out so that none crosses a page: where the next one would, the present one gets spaces at its
end, up to the page's end. JSON allows spaces there, and each reader reads on as before. A line that cannot be on the
page where the file ends is added by a rewrite: the whole file is written beside and renamed over it. That happens for
the first line of a file, behind lines that somebody else has written, for a line that is much longer than all before
it, and for each that is longer than a page.

Where a rewrite fails (a file that is a mount point, a disk without room for a second copy), the line is appended
nevertheless: a line that a reader may see in two parts for a microsecond is better than none. Where appending fails
(a file that may only be read, in a folder that may be written), the file is rewritten.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.regular_file import open_regular

from .page import is_within_page, with_room


def append_line(file: Path, line: bytes, *, longest: int, durable: bool = False) -> None:
    """Add a line that ends in a newline. A last line without one gets it. Raises OSError when nothing was added.

    `longest` is the length of the longest line in the file, as far as it is known. The caller has the file's lock.
    What is `durable` is on the disk at the end; waiting for that takes longer than all the rest.
    """
    end = _end_of(file)
    size, separator = (0, b"") if end is None else end
    data = separator + with_room(line, size + len(separator), longest)
    append, rewrite = partial(_append, file, data), partial(_rewrite, file, data, durable=durable)
    if end is not None and is_within_page(size, len(data)):
        _first_that_works(append, rewrite)
    else:
        _first_that_works(rewrite, append)
    if durable:
        sync(file)


def _first_that_works(first: Callable[[], None], second: Callable[[], None]) -> None:
    """Raises what the first one raises when the second one fails, too."""
    try:
        first()
    except OSError:
        with suppress(OSError):
            return second()
        raise


def _end_of(file: Path) -> tuple[int, bytes] | None:
    """The file's size, and what has to separate the next line from the last one. None when there is no file."""
    try:
        descriptor = open_regular(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        last = os.pread(descriptor, 1, size - 1) if size else b""
    finally:
        os.close(descriptor)
    return size, b"" if last in (b"", b"\n") else b"\n"


def _append(file: Path, data: bytes) -> None:
    descriptor = open_regular(file, os.O_WRONLY | os.O_APPEND)
    try:
        size = os.fstat(descriptor).st_size
        if os.write(descriptor, data) != len(data):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
    finally:
        os.close(descriptor)


def _rewrite(file: Path, data: bytes, *, durable: bool) -> None:
    target = Path(os.path.realpath(file))  # a link stays a link
    content = b""
    with suppress(FileNotFoundError):
        content = target.read_bytes()
    write_atomic(target, content + data, durable=durable)


def sync(file: Path) -> None:
    """Wait until what is in the file is on the disk. Raises OSError."""
    descriptor = open_regular(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
