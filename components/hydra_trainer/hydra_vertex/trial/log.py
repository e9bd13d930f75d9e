"""Output of hydra-trial: log lines on stderr, and requested text (such as `--help`) on stdout.

An app may close, replace or remove these streams, and their disk may be full or their pipe closed. A log line is then
lost, but never the trial's result. Nothing is left in the buffer of the app's stream: Python flushes the buffers at
exit, and exits with code 120 when that fails.
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
from hydra_vertex.protocol.secret_references import MASK, SECRETS, SHORTEST, listed_names

_WAIT_S = 1.0
"""Time limit of the wait for space in a full non-blocking pipe."""


def tell(message: str) -> None:
    """Write one line to stderr, prefixed with `hydra-trial: `, without the values of secrets. Never raises."""
    line = f"{PROGRAM}: {' '.join(_without_secrets(message).split())}\n"
    if not _is_written(sys.stderr, line) and sys.stderr is not sys.__stderr__:
        _is_written(sys.__stderr__, line)


def _without_secrets(text: str) -> str:
    """Replace the secrets that were read from Secret Manager, unless they are shorter than SHORTEST."""
    values = (os.environ.get(name, "") for name in listed_names(os.environ, SECRETS))
    for value in sorted(values, key=len, reverse=True):
        if len(value.strip()) >= SHORTEST:
            text = text.replace(value.strip(), MASK)
    return text


def show(text: str) -> None:
    """Write a text to stdout. Raises OutputError when it cannot be written."""
    try:
        _write(sys.stdout, text if text.endswith("\n") else f"{text}\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"stdout: cannot be written: {reason}") from error


def flush_output() -> None:
    """Flush sys.stdout and sys.stderr, before `exec` replaces this process. Errors are ignored."""
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
        raise ValueError("the stream is closed")
    if not _is_plain(stream):
        stream.write(text)
        stream.flush()
        return
    descriptor = stream.fileno()
    with suppress(OSError):
        stream.flush()
    _write_all(descriptor, text.encode(stream.encoding, "backslashreplace"))


def _is_plain(stream: TextIO) -> bool:
    """Whether the stream is Python's own, with its `write` method: libraries that copy the log replace either."""
    return type(stream) is io.TextIOWrapper and "write" not in vars(stream)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            if not select.select([], [descriptor], [], _WAIT_S)[1]:
                raise
