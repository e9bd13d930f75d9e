"""The tables of a service's database, and the migrations from earlier versions."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError

from .database_errors import unusable_database

SCHEMA_VERSION = 4
SECRET = "secret"  # noqa: S105 - the row's name
_SERVICE = """
CREATE TABLE service (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""
_GIVEN_IDS = "CREATE UNIQUE INDEX given_ids ON jobs (parent, kind, given_id);\n"
SCHEMA = f"""
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, not even after a deletion
    parent TEXT NOT NULL,
    document TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'hyperparameterTuningJobs',
    pid INTEGER,
    start_ticks INTEGER,
    given_id TEXT  -- of a pipeline job, whose creator chooses its id
);
{_GIVEN_IDS}CREATE TABLE trials (
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
    3: f"ALTER TABLE jobs ADD COLUMN given_id TEXT; {_GIVEN_IDS}",
}
"""The SQL scripts that upgrade a database from the version in the key to the next one."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open a database, or create it when there is none. Raises OutputError when it cannot be used.

    The connection may be used by any thread, but by one at a time.
    """
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        version = _prepare(database)
    except sqlite3.Error as error:
        raise unusable_database(path, error) from error
    if version != SCHEMA_VERSION:
        raise OutputError(
            f"{path}: was written by another version of hydra-vertex (format {version}, this version uses "
            f"{SCHEMA_VERSION}); give another folder"
        )
    return database


def open_reader(path: Path, timeout_s: float) -> sqlite3.Connection:
    """Open a read-only connection, which waits at most `timeout_s` for another program's lock."""
    reader = sqlite3.connect(path, isolation_level=None, timeout=timeout_s)
    reader.execute("PRAGMA query_only = ON")
    return reader


def read_secret(database: sqlite3.Connection) -> str:
    """Return the secret of the service, 64 hexadecimal digits; it is created at the first call."""
    database.execute("INSERT OR IGNORE INTO service VALUES (?, ?)", (SECRET, secrets.token_hex(32)))
    (value,) = database.execute("SELECT value FROM service WHERE name = ?", (SECRET,)).fetchone()
    return str(value)


def _prepare(database: sqlite3.Connection) -> int:
    """Create or upgrade the tables. Return their version afterwards."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        database.execute(f"PRAGMA {pragma}")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        _upgrade(database, SCHEMA, SCHEMA_VERSION)
        # Write the tables into the file itself: an empty file would look like a database that was emptied.
        database.execute("PRAGMA wal_checkpoint")
        return SCHEMA_VERSION
    while version in MIGRATIONS:
        _upgrade(database, MIGRATIONS[version], version + 1)
        version += 1
    if version == SCHEMA_VERSION:
        # A write, so that a database that cannot be written is refused at the start.
        _upgrade(database, "", SCHEMA_VERSION)
    return int(version)


def _upgrade(database: sqlite3.Connection, script: str, version: int) -> None:
    database.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")
