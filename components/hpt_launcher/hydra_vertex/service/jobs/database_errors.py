"""The errors of the database, classified as transient or permanent.

Source of the codes: https://www.sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.service.status import Refusal, Status

_BUSY, _LOCKED, _NOMEM, _READONLY, _IOERR, _FULL, _CANTOPEN, _PROTOCOL = 5, 6, 7, 8, 10, 13, 14, 15
TRANSIENT_CODES = frozenset({_BUSY, _LOCKED, _NOMEM, _READONLY, _IOERR, _FULL, _CANTOPEN, _PROTOCOL})
"""Primary result codes of errors that may be transient: full disk, other program's lock, shortage, read-only disk."""
_IOERR_SHORT_READ = 10 | 2 << 8
"""The file ends before a page that was written to it: it was truncated, which is permanent."""
_TRANSIENT_TEXTS = (
    "full",
    "locked",
    "disk I/O error",
    "unable to open",
    "readonly",
    "out of memory",
    "locking protocol",
)
"""Parts of SQLite's messages for the same errors: in Python 3.10 the exceptions have no code."""


class UnwritableError(Refusal):
    """The database cannot be written at the moment: its disk is full, or another program has locked it.

    Google's clients retry requests that fail with UNAVAILABLE (https://google.aip.dev/194).
    """

    def __init__(self, path: Path, cause: sqlite3.Error) -> None:
        super().__init__(
            Status.UNAVAILABLE,
            f"{path} cannot be written ({cause}); free space on its disk, or end other programs that use it",
        )


class LostDatabaseError(Refusal):
    """The database is damaged, or its file was removed, replaced or truncated. The error is permanent."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            Status.INTERNAL,
            f"{path} {problem}: nothing more can be recorded in it; restore it from a copy, or give another folder, "
            "and start the service again",
        )


def database_error(path: Path, error: sqlite3.Error) -> UnwritableError | LostDatabaseError:
    """Return the service's error for an error of the database at `path`."""
    return UnwritableError(path, error) if is_transient(error) else LostDatabaseError(path, f"is damaged ({error})")


def is_transient(error: sqlite3.Error) -> bool:
    """Whether the operation may succeed when it is repeated later."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.OperationalError) and any(text in str(error) for text in _TRANSIENT_TEXTS)
    return code & 0xFF in TRANSIENT_CODES and code != _IOERR_SHORT_READ


def unusable_database(path: Path, error: sqlite3.Error) -> OutputError:
    """Return the error for a database that cannot be read or written when the service starts."""
    return OutputError(
        f"{path}: cannot be used as the service's database ({error}); restore it from a copy, or give another folder"
    )
