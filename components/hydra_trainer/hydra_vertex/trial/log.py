"""What hydra-trial says: lines of a trial's log on stderr, and on stdout the text that it was asked for.

An app may close, replace or remove these streams, and the disk or pipe behind them may be full or gone. A line of the
log is then lost, never the trial's result. What is written stands in no buffer of the app's stream: Python writes those
at its exit, and ends with exit code 120 when it cannot.
"""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress
from typing import TextIO

from hydra_vertex.protocol.command import PROGRAM
from hydra_vertex.protocol.errors import OutputError

_WAIT_S = 1.0
"""For the reader of a full pipe that may not be waited for."""


def tell(message: str) -> None:
    """One line on stderr, in hydra-trial's name. Raises nothing."""
    line = f"{PROGRAM}: {' '.join(message.split())}\n"
    if not _is_written(sys.stderr, line) and sys.stderr is not sys.__stderr__:
        _is_written(sys.__stderr__, line)


def show(text: str) -> None:
    """Write a text to stdout. Raises OutputError when it cannot be written."""
    try:
        _write(sys.stdout, text if text.endswith("\n") else f"{text}\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"stdout: cannot be written: {reason}") from error


def flush_output() -> None:
    """Write what Python's streams hold, as far as that is possible: before another program takes this process."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()


def _is_written(stream: TextIO | None, text: str) -> bool:
    try:
        _write(stream, text)
    except Exception:
        return False
    return True


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        raise ValueError("it is closed")
    if not _is_plain(stream):
        stream.write(text)
        stream.flush()
        return
    descriptor = stream.fileno()
    with suppress(OSError):
        stream.flush()
    _write_all(descriptor, text.encode(stream.encoding, "backslashreplace"))


def _is_plain(stream: TextIO) -> bool:
    """Whether the stream is a file, and as Python made it: libraries that copy the log replace its methods."""
    return type(stream) is io.TextIOWrapper and "write" not in vars(stream)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            if not select.select([], [descriptor], [], _WAIT_S)[1]:
                raise
