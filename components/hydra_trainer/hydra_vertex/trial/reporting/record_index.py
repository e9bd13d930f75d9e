"""What a process knows of a metric file's records, so that a report reads no more than others have added since.

The first look at a file reads its end, and reads back as far as somebody asks. Each later look reads what is new.
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
"""More than a usual record, which has the time in it: no other content has these bytes in this place."""


class RecordIndex:
    """The records between the bytes `_start` and `_end` of a file, both of them beginnings of lines.

    What it knows stays right when an exception breaks a method off, such as a KeyboardInterrupt that the app catches:
    the place up to which the file was read is noted at the end, and records that are read twice count once.
    `longest_line` is in bytes, without spaces at its end.
    """

    def __init__(self) -> None:
        """Of no file."""
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None
        self._start = self._end = 0
        self._tail = b""
        self._summary = Summary()
        self.longest_line = 0

    def of_metric(self, metric: str) -> MetricSummary | None:
        """The metric's newest record, and the highest step as far as it is known; None when there is no record."""
        while metric not in self._summary.metrics and self._start > 0:
            self._read_back()
        return self._summary.metrics.get(metric)

    def of_all(self) -> Summary:
        """The summary of the whole file."""
        while self._start > 0:
            self._read_back()
        return self._summary

    def begin(self, descriptor: int) -> None:
        """Read the end of a file that is open until the index is used no more."""
        status = os.fstat(descriptor)
        self._descriptor, self._identity, self._start = descriptor, (status.st_dev, status.st_ino), status.st_size
        content = self._read_back()
        self._end = self._start + content.rfind(b"\n") + 1
        self._tail = _read(descriptor, max(0, self._end - _TAIL_BYTES), self._end)

    def catch_up(self, descriptor: int) -> bool:
        """Read what is new. False when this is not what was read: it was replaced, cut short or overwritten."""
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
        """Read some of the lines before those that were read already; their content."""
        length = _CHUNK_BYTES
        while True:
            begin = max(0, self._start - length)
            content = _read(self._descriptor, begin, self._start)
            first = content.find(b"\n", 0, -1) + 1 if begin else 0
            if first or not begin:
                break
            length *= 2  # a line that is longer than this
        older = self._summary_of(content[first:])
        older.add(self._summary)
        self._summary, self._start = older, begin + first
        return content[first:]

    def _summary_of(self, content: bytes) -> Summary:
        self.longest_line = max(self.longest_line, *(len(line.rstrip()) + 1 for line in content.splitlines()), 0)
        return summarise(parse_records(content))


_INDEXES: dict[Path, RecordIndex] = {}
os.register_at_fork(after_in_child=_INDEXES.clear)  # another thread of the parent may have been changing one


@contextmanager
def open_index(file: Path) -> Iterator[RecordIndex]:
    """The index of a file as it is now, empty when there is none. The caller has the file's lock. Raises OSError."""
    descriptor = _open(file)
    if descriptor is None:
        yield RecordIndex()
        return
    try:
        yield _index_of(file, descriptor)
    finally:
        os.close(descriptor)


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
    """The bytes from `begin` to `end`, or to where the file ends."""
    parts: list[bytes] = []
    while begin < end and (part := os.pread(descriptor, end - begin, begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)
