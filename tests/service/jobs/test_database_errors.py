"""Errors of SQLite are classified as transient or permanent."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from hydra_vertex.service.jobs.database_errors import LostDatabaseError, UnwritableError, database_error, is_transient
from hydra_vertex.service.status import Status


def full(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("PRAGMA max_page_count = 2")
        database.executemany("INSERT INTO t VALUES (?)", [(b"x" * 4096,)] * 10)


def locked(path: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(path)) as first,
        contextlib.closing(sqlite3.connect(path, timeout=0)) as other,
    ):
        first.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE t (x)")


def read_only(path: Path) -> None:
    sqlite3.connect(path).close()
    path.touch()
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.execute("CREATE TABLE t (x)")


def without_a_folder(path: Path) -> None:
    sqlite3.connect(path.parent / "none" / "service.db")


def without_a_table(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("SELECT * FROM trials")


def not_a_database(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("SELECT * FROM sqlite_master")


def damaged(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x)")
        database.executemany("INSERT INTO t VALUES (?)", [(b"x" * 4096,)] * 10)
        database.commit()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"x" * 4096)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("SELECT * FROM t").fetchall()


@pytest.mark.parametrize(
    ("act", "transient"),
    [
        (full, True),
        (locked, True),
        (read_only, True),
        (without_a_folder, True),
        (without_a_table, False),
        (not_a_database, False),
        (damaged, False),
    ],
)
def test_errors_of_sqlite_are_transient_or_permanent(
    tmp_path: Path, act: Callable[[Path], None], transient: bool
) -> None:
    path = tmp_path / "service.db"
    with pytest.raises(sqlite3.Error) as caught:
        act(path)
    assert is_transient(caught.value) is transient
    error = database_error(path, caught.value)
    assert type(error) is (UnwritableError if transient else LostDatabaseError)
    assert error.status is (Status.UNAVAILABLE if transient else Status.INTERNAL)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (sqlite3.OperationalError("database or disk is full"), True),
        (sqlite3.OperationalError("database is locked"), True),
        (sqlite3.OperationalError("no such table: trials"), False),
        (sqlite3.DatabaseError("database disk image is malformed"), False),
        (sqlite3.DatabaseError("file is not a database"), False),
    ],
)
def test_errors_without_a_code_are_classified_by_their_text(error: sqlite3.Error, transient: bool) -> None:
    assert is_transient(error) is transient
