"""Copies the records of the metric file to stdout while the app runs, in the lines of `protocol.metric_stream`.

The file is read and not the reports, so that every writer is covered: the app's return value, `report`, Lightning, and
cloudml-hypertune in any process below `hydra-trial`, which rewrites the file with its last 100 records.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

from hydra_vertex.protocol.metric_fields import fields_of
from hydra_vertex.protocol.metric_stream import MARKER, REPEATED, streamed_line
from hydra_vertex.protocol.regular_file import open_regular

from .metrics import metric_file
from .rank import is_first

POLL_S = 0.25
"""Time between two looks at the file: one call of stat(2)."""

FINISH_LIMIT_S = 10.0
"""Limit of the wait for stdout at the end: nobody may read it any more."""

_STDOUT = 1
_TAIL_BYTES = 256


def take_stream(environ: MutableMapping[str, str]) -> MetricStream | None:
    """Return the stream that the environment requests, and remove the request, which the app must not see.

    None when there is no request, no metric file, or when another process of the launch reports.
    """
    nonce = environ.pop(MARKER, "")
    file = metric_file(environ)
    return MetricStream(file, nonce, _STDOUT) if nonce and file is not None and is_first(environ) else None


class MetricStream:
    """A thread that copies a metric file to a file descriptor."""

    def __init__(self, file: Path, nonce: str, descriptor: int) -> None:
        self._records = NewRecords(file)
        self._nonce = nonce
        self._descriptor = descriptor
        self._sent: deque[bytes] = deque(maxlen=REPEATED)
        self._number = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="metric-stream")

    def start(self) -> None:
        """Start to copy."""
        self._thread.start()

    def finish(self) -> None:
        """Copy what is left, and repeat the newest records, because a rotated log may have lost their lines."""
        self._is_over.set()
        self._thread.join(FINISH_LIMIT_S)

    def _run(self) -> None:
        with suppress(OSError):  # stdout is closed
            while not self._is_over.wait(POLL_S):
                self._copy(is_last=False)
            self._copy(is_last=True)
            first = self._number - len(self._sent) + 1
            for number, record in enumerate(self._sent, first):
                self._write(number, record)

    def _copy(self, *, is_last: bool) -> None:
        for record in self._records.read(is_last=is_last):
            self._number += 1
            self._sent.append(record)
            self._write(self._number, record)

    def _write(self, number: int, record: bytes) -> None:
        # One call: a pipe keeps up to 4,096 bytes of one call together, so that the app's output is not mixed in.
        data = streamed_line(self._nonce, number, record)
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # asyncio makes the pipe non-blocking, also for this process
                select.select([], [self._descriptor], [], POLL_S)


class NewRecords:
    """Finds the records that were added to a file since the last call.

    A file may be rewritten, and may be found when that is half done; then a line counts as new unless it was seen
    before. Records have the time in them, so that equal lines are the same record.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: deque[bytes] = deque(maxlen=2 * REPEATED)
        self._known: tuple[int, int, int] | None = None
        self._end, self._tail = 0, b""
        self._is_rewritten = False

    def read(self, *, is_last: bool) -> Iterator[bytes]:
        """Yield the new records, oldest first. A last line without a newline is left for later, unless `is_last`."""
        for line in self._new_lines(is_last=is_last):
            record = line.strip()
            is_repeated = self._is_rewritten and record in self._seen
            if not is_repeated and fields_of(record) is not None:
                self._seen.append(record)
                yield record

    def _new_lines(self, *, is_last: bool) -> list[bytes]:
        try:
            descriptor = open_regular(self._file, os.O_RDONLY)
        except OSError:
            return []
        try:
            status = os.fstat(descriptor)
            known = status.st_ino, status.st_size, status.st_mtime_ns
            if known == self._known and not is_last:
                return []
            self._known = known
            begin = max(0, self._end - len(self._tail))
            content = os.pread(descriptor, max(0, status.st_size - begin), begin)
            if content.startswith(self._tail):
                return self._advance(begin, content, len(self._tail), is_last=is_last)
            self._is_rewritten = True
            return self._advance(0, os.pread(descriptor, status.st_size, 0), 0, is_last=is_last)
        finally:
            os.close(descriptor)

    def _advance(self, begin: int, content: bytes, known: int, *, is_last: bool) -> list[bytes]:
        """Return the lines of `content` after its first `known` bytes; `begin` is its position in the file."""
        whole = len(content) if is_last else content.rfind(b"\n") + 1
        if whole >= known:
            self._end, self._tail = begin + whole, content[:whole][-_TAIL_BYTES:]
        return content[known:whole].splitlines()
