"""Reserves stdout for the JSON documents of a command; whatever else is printed there goes to stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

_STDOUT = 1


@dataclass
class _Reserved:
    """The stream of the documents, and whether one has been printed."""

    stream: TextIO
    has_document: bool = False


_reserved: list[_Reserved] = []
"""One item while stdout is reserved, otherwise none."""


@contextmanager
def reserved_stdout() -> Iterator[None]:
    """Let only `show_document_text` print to stdout in this block.

    Other text goes to stderr: what libraries print, and what child processes write to the stdout that they inherit.
    """
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(_own_descriptor()) if _is_descriptor(sys.stdout) else sys.stdout
        # Without stderr, print() would take stdout instead.
        other = sys.stderr or stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
        _reserved.append(_Reserved(stream))
        stack.callback(_reserved.clear)
        stack.enter_context(contextlib.redirect_stdout(other))
        yield


def lacks_document() -> bool:
    """Whether stdout is reserved for documents, and none has been printed."""
    return bool(_reserved) and not _reserved[-1].has_document


def show_document_text(text: str) -> None:
    """Print the text of a document to stdout. Raises OSError, such as BrokenPipeError, where that fails."""
    if not _reserved:
        print(text)
        return
    _reserved[-1].has_document = True
    print(text, file=_reserved[-1].stream, flush=True)


def _is_descriptor(stream: TextIO) -> bool:
    """Whether a stream writes to the descriptor of stdout: in tests, and in a sweep, it is a buffer."""
    try:
        return stream.fileno() == _STDOUT
    except (AttributeError, OSError, ValueError):
        return False


@contextmanager
def _own_descriptor() -> Iterator[TextIO]:
    """Move stdout to a descriptor that children do not inherit, and let the descriptor of stdout be that of stderr."""
    sys.stdout.flush()
    kept = os.dup(_STDOUT)
    stream = io.TextIOWrapper(os.fdopen(kept, "wb"), encoding=sys.stdout.encoding, errors=sys.stdout.errors)
    _point_stdout_to_stderr()
    try:
        yield stream
    finally:
        os.dup2(kept, _STDOUT)
        # What could not be written has been reported by `show_document_text`.
        with contextlib.suppress(OSError):
            stream.close()


def _point_stdout_to_stderr() -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(sys.stderr.fileno(), _STDOUT)
            return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDOUT)
    os.close(nowhere)
