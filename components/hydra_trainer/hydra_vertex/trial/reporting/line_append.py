"""Appends a line to a file that other processes read at any time, in a time independent of the file's size.

A reader never finds the file empty, and never finds an incomplete line. write(2) alone does not guarantee this: a
reader may see the first pages of a write before the others. For a write within one page it holds: Linux copies the
bytes into the page and then sets the file's size once (`generic_perform_write` in mm/filemap.c), and a read returns no
bytes beyond the size that it finds (`filemap_read` there). So a reader sees either the old size or the new size, and
with the new size the whole line. XFS and some other file systems lock reads against writes, a stronger guarantee. A
process that is killed has written the whole line or nothing, because a signal interrupts a write only between pages.

Therefore no line crosses a page boundary: if the next line would, the current line is padded with spaces up to the end
of the page. JSON allows spaces there, so readers need no change. A line that does not fit on the page where the file
ends is added by a rewrite: the whole file is written to a temporary file and renamed. This happens for the first line
of a file, after lines of another program, for a line that is much longer than all lines before it, and for each line
that is longer than a page.

If a rewrite fails (the file is a mount point, or the disk has no space for a second copy), the line is appended: a
line that a reader may see in two parts for a microsecond is better than no line. If appending fails (a read-only file
in a writable folder), the file is rewritten.
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
    """Append a line that ends in a newline, and complete an unfinished last line. Raises OSError if nothing was added.

    `longest` is the length in bytes of the longest known line in the file. The caller holds the file's lock.
    With `durable` the content is synced to the disk before the return, which takes longer than everything else.
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
    """Call `first`, and `second` if it fails. If both fail, raises the error of the first."""
    try:
        first()
    except OSError:
        with suppress(OSError):
            return second()
        raise


def _end_of(file: Path) -> tuple[int, bytes] | None:
    """Return the file's size and the separator before the next line (empty or a newline); None without a file."""
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
    target = Path(os.path.realpath(file))  # keeps a symbolic link
    content = b""
    with suppress(FileNotFoundError):
        content = target.read_bytes()
    write_atomic(target, content + data, durable=durable)


def sync(file: Path) -> None:
    """Wait until the file's content is on the disk (fsync). Raises OSError."""
    descriptor = open_regular(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
