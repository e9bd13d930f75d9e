"""The tables of a service's database, and the upgrades from those of earlier versions."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError

from .database_errors import unusable_database

SCHEMA_VERSION = 3
SECRET = "secret"  # noqa: S105 - the row's name
_SERVICE = """
CREATE TABLE service (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""
SCHEMA = f"""
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, not even after a deletion
    parent TEXT NOT NULL,
    document TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'hyperparameterTuningJobs',
    pid INTEGER,
    start_ticks INTEGER
);
CREATE TABLE trials (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    document TEXT NOT NULL,
    pid INTEGER,
    start_ticks INTEGER,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
{_SERVICE}"""
MIGRATIONS = {
    1: """
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'hyperparameterTuningJobs';
ALTER TABLE jobs ADD COLUMN pid INTEGER;
ALTER TABLE jobs ADD COLUMN start_ticks INTEGER;
""",
    2: _SERVICE,
}
"""What makes a database of that version one of the next version."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open a database, for one thread at a time, and make it when there is none. Raises OutputError."""
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        version = _prepare(database)
    except sqlite3.Error as error:
        raise unusable_database(path, error) from error
    if version != SCHEMA_VERSION:
        raise OutputError(
            f"{path}: was written by another version of hydra-vertex (format {version}, this one has "
            f"{SCHEMA_VERSION}); give another folder"
        )
    return database


def open_reader(path: Path, timeout_s: float) -> sqlite3.Connection:
    """A second connection, which writes nothing and waits at most `timeout_s` for another program's lock."""
    reader = sqlite3.connect(path, isolation_level=None, timeout=timeout_s)
    reader.execute("PRAGMA query_only = ON")
    return reader


def read_secret(database: sqlite3.Connection) -> str:
    """What only the service and the supervisors of its trials are told; made at the first call."""
    database.execute("INSERT OR IGNORE INTO service VALUES (?, ?)", (SECRET, secrets.token_hex(32)))
    (value,) = database.execute("SELECT value FROM service WHERE name = ?", (SECRET,)).fetchone()
    return str(value)


def _prepare(database: sqlite3.Connection) -> int:
    """Bring the tables up to date. Returns the version that they are then of."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        database.execute(f"PRAGMA {pragma}")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        _upgrade(database, SCHEMA, SCHEMA_VERSION)
        # Into the file itself: an empty file is no database of a service that has begun.
        database.execute("PRAGMA wal_checkpoint")
        return SCHEMA_VERSION
    while version in MIGRATIONS:
        _upgrade(database, MIGRATIONS[version], version + 1)
        version += 1
    if version == SCHEMA_VERSION:
        # A database that takes nothing is better known now than at the first request.
        _upgrade(database, "", SCHEMA_VERSION)
    return int(version)


def _upgrade(database: sqlite3.Connection, script: str, version: int) -> None:
    database.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")
