"""What an error of the database means: it passes, or the database is lost.

Source of the codes: https://www.sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.service.status import Refusal, Status

_BUSY, _LOCKED, _NOMEM, _READONLY, _IOERR, _FULL, _CANTOPEN, _PROTOCOL = 5, 6, 7, 8, 10, 13, 14, 15
PASSING_CODES = frozenset({_BUSY, _LOCKED, _NOMEM, _READONLY, _IOERR, _FULL, _CANTOPEN, _PROTOCOL})
"""Primary result codes of what can pass: a full disk, another program's lock, a shortage, a disk that is read-only."""
_IOERR_SHORT_READ = 10 | 2 << 8
"""A file that ends before a page that was written to it: cut off, and that does not pass."""
_PASSING_TEXTS = ("full", "locked", "disk I/O error", "unable to open", "readonly", "out of memory", "locking protocol")
"""The same as SQLite words it, for Python 3.10, whose exceptions have no code."""


class UnwritableError(Refusal):
    """The database takes nothing at the moment: its disk is full, or another program has locked it.

    UNAVAILABLE is what Google's clients ask again after (https://google.aip.dev/194).
    """

    def __init__(self, path: Path, cause: sqlite3.Error) -> None:
        super().__init__(
            Status.UNAVAILABLE, f"{path} cannot be written ({cause}); free space on its disk, or end what else uses it"
        )


class LostDatabaseError(Refusal):
    """The database is damaged, or its file was removed, replaced or cut off. It does not pass."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            Status.INTERNAL,
            f"{path} {problem}: nothing more can be recorded in it. Restore it from a copy, or give another folder, "
            "and start the service again",
        )


def explained(path: Path, error: sqlite3.Error) -> UnwritableError | LostDatabaseError:
    """The error of the service that a database's error is."""
    return UnwritableError(path, error) if can_pass(error) else LostDatabaseError(path, f"is damaged ({error})")


def can_pass(error: sqlite3.Error) -> bool:
    """Whether the operation may succeed when it is tried again later."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.OperationalError) and any(text in str(error) for text in _PASSING_TEXTS)
    return code & 0xFF in PASSING_CODES and code != _IOERR_SHORT_READ


def unusable_database(path: Path, error: sqlite3.Error) -> OutputError:
    """What is said of a database that cannot be read or written at the start."""
    return OutputError(
        f"{path}: cannot be used as the service's database ({error}); restore it from a copy, or give another folder"
    )
