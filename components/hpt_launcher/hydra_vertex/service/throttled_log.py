"""A log in which a line that repeats itself is written a few times a minute, and counted otherwise.

A service without descriptors says so, with a traceback, as often as it is asked: 3 MB of it a second.
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
"""What makes two lines the same: the logger, the level, and the first line of the message without its arguments."""


@dataclass(slots=True)
class _Window:
    """The lines of one key since the first of them."""

    begin_s: float
    count: int = 0


class ThrottledHandler(_TextHandler):
    """Writes the first LINES_A_WINDOW lines of a key in each window, and at its end how many others there were."""

    def __init__(
        self, stream: TextIO | None = None, window_s: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`stream` None is stderr; `clock` counts seconds."""
        super().__init__(stream)
        self._window_s = window_s
        self._clock = clock
        self._windows: dict[Key, _Window] = {}
        self._is_timed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line or count it. Called with the handler's lock held, as all that follows."""
        self._end_windows(self._clock() - self._window_s)
        window = self._windows.setdefault(_key(record), _Window(self._clock()))
        window.count += 1
        if window.count <= LINES_A_WINDOW:
            super().emit(record)
        else:
            self._end_in_time()

    def close(self) -> None:
        """Say what has been counted, and end."""
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

    def _end_in_time(self) -> None:
        """No other line may come for hours, in which nobody would know of those that were counted."""
        if not self._is_timed:
            self._is_timed = True
            timer = threading.Timer(self._window_s, self._end_late)
            timer.daemon = True
            timer.start()

    def _end_late(self) -> None:
        with self._locked():
            self._is_timed = False
            self._end_windows(self._clock() - self._window_s)
            if any(window.count > LINES_A_WINDOW for window in self._windows.values()):
                self._end_in_time()

    def _end_windows(self, begun_before_s: float) -> None:
        for key in [key for key, window in self._windows.items() if window.begin_s <= begun_before_s]:
            held_back = self._windows.pop(key).count - LINES_A_WINDOW
            if held_back > 0:
                super().emit(_summary(key, held_back))


def _key(record: logging.LogRecord) -> Key:
    # A message without arguments may have its details in it, such as an address, but hardly on its first line.
    return record.name, record.levelno, str(record.msg).partition("\n")[0]


def _summary(key: Key, count: int) -> logging.LogRecord:
    name, level, line = key
    fields = {"name": name, "levelno": level, "levelname": logging.getLevelName(level)}
    return logging.makeLogRecord({**fields, "msg": "repeated %d times: %s", "args": (count, line)})
