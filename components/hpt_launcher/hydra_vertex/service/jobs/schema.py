"""The tables of a service's database, and the upgrades from those of earlier versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError

SCHEMA_VERSION = 2
SCHEMA = """
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
"""
MIGRATIONS = {
    1: """
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'hyperparameterTuningJobs';
ALTER TABLE jobs ADD COLUMN pid INTEGER;
ALTER TABLE jobs ADD COLUMN start_ticks INTEGER;
"""
}
"""What makes a database of that version one of the next version."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open a database in autocommit mode, and make it when there is none. Raises OutputError."""
    try:
        database = sqlite3.connect(path, isolation_level=None)
        version = _prepare(database)
    except sqlite3.Error as error:
        raise unusable_database(path, error) from error
    if version != SCHEMA_VERSION:
        raise OutputError(
            f"{path}: was written by another version of hydra-vertex (format {version}, this one has "
            f"{SCHEMA_VERSION}); give another folder"
        )
    return database


def unusable_database(path: Path, error: sqlite3.Error) -> OutputError:
    """What is said of a database that cannot be read or written at the start."""
    return OutputError(f"{path}: cannot be used as the service's database ({error}); repair it, or give another folder")


def _prepare(database: sqlite3.Connection) -> int:
    """Bring the tables up to date. Returns the version that they are then of."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        database.execute(f"PRAGMA {pragma}")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        _upgrade(database, SCHEMA, SCHEMA_VERSION)
        return SCHEMA_VERSION
    while version in MIGRATIONS:
        _upgrade(database, MIGRATIONS[version], version + 1)
        version += 1
    if version == SCHEMA_VERSION:
        # A database that takes nothing, or is damaged, is better known now than at the first request.
        _upgrade(database, "", SCHEMA_VERSION)
        database.execute("SELECT count(id) + total(length(document)) FROM jobs").fetchone()
    return int(version)


def _upgrade(database: sqlite3.Connection, script: str, version: int) -> None:
    database.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")
