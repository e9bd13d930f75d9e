"""Caches the summary of a metric file's records, so that a report reads only the lines added since the last one.

The first access reads the end of the file, and then backwards as far as necessary. Later accesses read the new lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.protocol.regular_file import open_regular

from .records import parse_records
from .summary import MetricSummary, Summary, summarise

_CHUNK_BYTES = 1 << 16
_TAIL_BYTES = 256
"""Longer than a usual record, which contains a timestamp: so equal bytes at this offset identify the content."""


class RecordIndex:
    """Summary of the records between the byte offsets `_start` and `_end` of a file, both at the start of a line.

    The index stays correct when an exception interrupts a method, such as a KeyboardInterrupt that the app catches:
    the offsets are updated last, and adding the same records twice changes nothing.
    `longest_line` is the length in bytes, without padding but with the newline.
    """

    def __init__(self) -> None:
        """Create the index of an empty file."""
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None
        self._start = self._end = 0
        self._tail = b""
        self._summary = Summary()
        self.longest_line = 0

    def of_metric(self, metric: str) -> MetricSummary | None:
        """Return the metric's newest record and its highest known step; None when it has no record."""
        while metric not in self._summary.metrics and self._start > 0:
            self._read_back()
        return self._summary.metrics.get(metric)

    def of_all(self) -> Summary:
        """Return the summary of the whole file."""
        while self._start > 0:
            self._read_back()
        return self._summary

    def begin(self, descriptor: int) -> None:
        """Read the end of an open file. The descriptor stays open as long as the index is used."""
        status = os.fstat(descriptor)
        self._descriptor, self._identity, self._start = descriptor, (status.st_dev, status.st_ino), status.st_size
        content = self._read_back()
        self._end = self._start + content.rfind(b"\n") + 1
        self._tail = _read(descriptor, max(0, self._end - _TAIL_BYTES), self._end)

    def catch_up(self, descriptor: int) -> bool:
        """Read the new lines. Return False if the file was replaced, truncated or overwritten since the last read."""
        self._descriptor, status = descriptor, os.fstat(descriptor)
        if self._identity != (status.st_dev, status.st_ino) or status.st_size < self._end:
            return False
        content = _read(descriptor, self._end - len(self._tail), status.st_size)
        if not content.startswith(self._tail):
            return False
        newer = content[len(self._tail) :]
        self._summary.add(self._summary_of(newer))
        whole = newer[: newer.rfind(b"\n") + 1]
        self._end, self._tail = self._end + len(whole), (self._tail + whole)[-_TAIL_BYTES:]
        return True

    def _read_back(self) -> bytes:
        """Read a chunk of lines before `_start`, and return its content."""
        length = _CHUNK_BYTES
        while True:
            begin = max(0, self._start - length)
            content = _read(self._descriptor, begin, self._start)
            first = content.find(b"\n", 0, -1) + 1 if begin else 0
            if first or not begin:
                break
            length *= 2  # the line is longer than the chunk
        older = self._summary_of(content[first:])
        older.add(self._summary)
        self._summary, self._start = older, begin + first
        return content[first:]

    def _summary_of(self, content: bytes) -> Summary:
        self.longest_line = max(self.longest_line, *(len(line.rstrip()) + 1 for line in content.splitlines()), 0)
        return summarise(parse_records(content))


_INDEXES: dict[Path, RecordIndex] = {}
os.register_at_fork(after_in_child=_INDEXES.clear)  # another thread of the parent may have been updating one


@contextmanager
def open_index(file: Path) -> Iterator[RecordIndex]:
    """Return the current index of a file, empty without a file. The caller holds the file's lock. Raises OSError."""
    descriptor = _open(file)
    if descriptor is None:
        yield RecordIndex()
        return
    try:
        yield _index_of(file, descriptor)
    finally:
        os.close(descriptor)


def forget_index(file: Path) -> None:
    """Drop the cached index, which may be in use at this moment; the next access creates a new one."""
    _INDEXES.pop(file, None)


def _index_of(file: Path, descriptor: int) -> RecordIndex:
    index = _INDEXES.get(file)
    if index is None or not index.catch_up(descriptor):
        index = RecordIndex()
        index.begin(descriptor)
        _INDEXES[file] = index
    return index


def _open(file: Path) -> int | None:
    try:
        return open_regular(file, os.O_RDONLY)
    except FileNotFoundError:
        return None


def _read(descriptor: int, begin: int, end: int) -> bytes:
    """Return the bytes from `begin` up to `end` (exclusive), or to the end of the file."""
    parts: list[bytes] = []
    while begin < end and (part := os.pread(descriptor, end - begin, begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)
