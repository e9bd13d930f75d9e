"""A log handler that limits repeated lines to a few per minute, and counts the others.

A service without free file descriptors logs a traceback for each attempt to accept a connection: 3 MB per second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, TypeAlias

if TYPE_CHECKING:
    _TextHandler: TypeAlias = logging.StreamHandler[TextIO]
else:
    _TextHandler = logging.StreamHandler  # Python 3.10 takes no type argument here

LINES_A_WINDOW = 5
WINDOW_S = 60.0

Key: TypeAlias = tuple[str, int, str]
"""Identifies repeated lines: the logger, the level, and the first line of the message without its arguments."""


@dataclass(slots=True)
class _Window:
    """The time of the first line of a key, and the number of its lines since then."""

    begin_s: float
    count: int = 0


class ThrottledHandler(_TextHandler):
    """Writes the first LINES_A_WINDOW lines of a key in each window, and at its end the number of suppressed lines."""

    def __init__(
        self, stream: TextIO | None = None, window_s: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """A `stream` of None means stderr. `clock` returns seconds of a monotonic clock."""
        super().__init__(stream)
        self._window_s = window_s
        self._clock = clock
        self._windows: dict[Key, _Window] = {}
        self._is_timed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line or count it. The caller, as of the methods below, holds the handler's lock."""
        self._end_windows(self._clock() - self._window_s)
        window = self._windows.setdefault(_key(record), _Window(self._clock()))
        window.count += 1
        if window.count <= LINES_A_WINDOW:
            super().emit(record)
        else:
            self._start_timer()

    def close(self) -> None:
        """Write the counts of suppressed lines, and close the handler."""
        with self._locked():
            self._end_windows(self._clock())
        super().close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _start_timer(self) -> None:
        """Have the counts written at the end of the window even when no other line is logged for hours."""
        if not self._is_timed:
            self._is_timed = True
            timer = threading.Timer(self._window_s, self._on_timer)
            timer.daemon = True
            timer.start()

    def _on_timer(self) -> None:
        with self._locked():
            self._is_timed = False
            self._end_windows(self._clock() - self._window_s)
            if any(window.count > LINES_A_WINDOW for window in self._windows.values()):
                self._start_timer()

    def _end_windows(self, begun_before_s: float) -> None:
        for key in [key for key, window in self._windows.items() if window.begin_s <= begun_before_s]:
            suppressed = self._windows.pop(key).count - LINES_A_WINDOW
            if suppressed > 0:
                super().emit(_summary(key, suppressed))


def _key(record: logging.LogRecord) -> Key:
    # A message without arguments may contain details, such as an address, but rarely in its first line.
    return record.name, record.levelno, str(record.msg).partition("\n")[0]


def _summary(key: Key, count: int) -> logging.LogRecord:
    name, level, line = key
    fields = {"name": name, "levelno": level, "levelname": logging.getLevelName(level)}
    return logging.makeLogRecord({**fields, "msg": "repeated %d times: %s", "args": (count, line)})
