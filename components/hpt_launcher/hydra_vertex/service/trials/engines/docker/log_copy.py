"""Copies the log of a container to a file of limited size, a part at a time.

Source of the stream's form: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from hydra_vertex.service.trials.supervisor.capped_log import READ_BYTES, CappedLog

from .inspection import parse_time

HEADER_BYTES = 8
LINE_BYTES = 1 << 20
"""A longer line is written in parts."""
OVERLAP_S = 2
"""Entries of stdout and stderr are not strictly in the order of their times, so a part begins before the last end."""


class LogCopy:
    """A copy of one container's log. The file gets its name when the first part is complete."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        """Make the folder. Raises OSError."""
        self.since_s = 0
        """The second, of the Unix epoch, from which the next part is to be read."""
        self.entries = 0
        self._known = 0
        self._held: dict[int, bytes] = {}
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part: Path | None = path.with_name(f".{path.name}.part")
        self._log = CappedLog(str(self._part), limit_bytes)

    def add(self, stream: Iterable[bytes]) -> None:
        """Append what is new in the container's log from `since_s` on."""
        counts, buffer = Counter[int](), bytearray()
        for place, (source, second, text) in enumerate(entries(stream)):
            counts[second] += 1
            if place >= self._known:
                buffer += self._whole_lines(source, text)
                self.entries += 1
            if len(buffer) >= READ_BYTES:
                self._write(buffer)
        self._write(buffer)
        if counts:
            self.since_s = max(self.since_s, max(counts) - OVERLAP_S)
            self._known = sum(count for second, count in counts.items() if second >= self.since_s)

    def finish(self) -> None:
        """Append the last lines, which have no end."""
        self._write(bytearray(b"".join(self._held.values())))
        self._held.clear()

    def publish(self) -> None:
        """Give the file its name. Raises OSError."""
        if self._part is not None:
            self._part.replace(self._path)
            self._part = None

    def close(self) -> None:
        """Close the file, and remove it if it has no name yet."""
        self._log.close()
        if self._part is not None:
            with contextlib.suppress(OSError):
                self._part.unlink()

    def _whole_lines(self, source: int, text: bytes) -> bytes:
        """Hold the parts of a long line back, which may have entries of the other stream between them."""
        held = self._held.pop(source, b"") + text
        if text.endswith(b"\n") or len(held) > LINE_BYTES:
            return held
        self._held[source] = held
        return b""

    def _write(self, buffer: bytearray) -> None:
        for start in range(0, len(buffer), READ_BYTES):
            self._log.write(bytes(buffer[start : start + READ_BYTES]))
        buffer.clear()


def entries(stream: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the source (1 stdout, 2 stderr), the second and the text of each entry of a stream with timestamps.

    A part of an entry at the end is left out.
    """
    for source, frame in frames(stream):
        stamp, _, text = frame.partition(b" ")
        moment = parse_time(stamp.decode("ascii", "replace"))
        yield source, (0 if moment is None else int(moment.timestamp())), text if moment is not None else frame


def frames(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield sources and payloads: each has a header of one byte for the source, three of zero, four of the length."""
    buffer = bytearray()
    for chunk in stream:
        buffer += chunk
        start = 0
        while len(buffer) - start >= HEADER_BYTES:
            length = int.from_bytes(buffer[start + 4 : start + HEADER_BYTES], "big")
            end = start + HEADER_BYTES + length
            if len(buffer) < end:
                break
            yield buffer[start], bytes(buffer[start + HEADER_BYTES : end])
            start = end
        del buffer[:start]
