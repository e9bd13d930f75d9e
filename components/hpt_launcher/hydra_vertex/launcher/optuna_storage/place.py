"""Recognises Optuna storages: database URLs, SQLite files and journal files."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.secrets.masker import NO_SECRETS
from hydra_vertex.protocol.errors import OutputError, UserError

SQLITE_PREFIX = "sqlite:///"
_URL = re.compile(r"(sqlite|mysql|mariadb|postgresql|oracle|mssql)(\+\w+)?://.*", re.DOTALL)
_JOURNAL_SUFFIXES = frozenset({".log", ".journal"})
_SQLITE_BEGINNING = b"SQLite format 3\0"
_JOURNAL_BEGINNING = b'{"op_code"'
"""The first bytes of the files. Sources: the SQLite file format, and `optuna.storages.journal`."""

FORMS = (
    "sqlite:///FILE, another database URL of Optuna such as postgresql://…, or the file of a SQLite or journal storage"
)


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """Where an Optuna storage is: the URL of a database, or the path of a journal file if `is_journal`.

    `text` is what the user wrote, without a password.
    """

    text: str
    address: str
    is_journal: bool = False

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database; None for another database and for a URL with options of SQLite."""
        path = self.address.removeprefix(SQLITE_PREFIX)
        is_file = not self.is_journal and path != self.address and path and not path.startswith(("file:", ":"))
        return Path(path.partition("?")[0]) if is_file else None


def storage_to_read(text: str) -> StoragePlace | None:
    """Return the storage to which a text refers; None when it refers to something else.

    A file is recognised by its first bytes. Raises OutputError for a SQLite URL without a file that has studies.
    """
    if _URL.fullmatch(text):
        place = StoragePlace(without_password(text), text)
        _require_studies(place)
        return place
    path = Path(text)
    beginning = _beginning(path)
    if beginning.startswith(_SQLITE_BEGINNING):
        place = StoragePlace(text, f"{SQLITE_PREFIX}{path.absolute()}")
        _require_studies(place)
        return place
    return StoragePlace(text, str(path), is_journal=True) if beginning.startswith(_JOURNAL_BEGINNING) else None


def storage_to_write(text: str) -> StoragePlace:
    """Return the storage that a URL or a path names. A new file is a journal if it ends with .log or .journal.

    Raises OutputError for a file of another kind, and for a folder that does not exist.
    """
    if _URL.fullmatch(text):
        place = StoragePlace(without_password(text), text)
        if place.sqlite_file is not None:
            _require_own_kind(place.sqlite_file, _SQLITE_BEGINNING)
        elif text.startswith("sqlite"):
            raise OutputError(f"{text}: names no file; expected {SQLITE_PREFIX}FILE, such as {SQLITE_PREFIX}study.db")
        return place
    if "://" in text:
        raise OutputError(f"{without_password(text)}: is not a storage of Optuna; expected {FORMS}")
    path = Path(text)
    is_journal = _beginning(path).startswith(_JOURNAL_BEGINNING) or path.suffix in _JOURNAL_SUFFIXES
    _require_own_kind(path, _JOURNAL_BEGINNING if is_journal else _SQLITE_BEGINNING)
    return StoragePlace(text, str(path) if is_journal else f"{SQLITE_PREFIX}{path.absolute()}", is_journal=is_journal)


def without_password(url: str) -> str:
    """Return a URL with `***` in place of its password, which may have any character, and of secrets after `?`."""
    return NO_SECRETS.text(re.sub(r"(://[^:/@]*:).*@", r"\1***@", url))


def _beginning(path: Path) -> bytes:
    """Return the first bytes of a regular file; none for a path without one."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(16)
    except (OSError, ValueError):
        return b""


def _require_own_kind(path: Path, beginning: bytes) -> None:
    """Check that a file to write to is new, empty or of the kind. Raises OutputError."""
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: the folder {path.absolute().parent} does not exist; make it, or give another file")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is not a regular file; give the name of a new file")
    found = _beginning(path)
    if found and not found.startswith(beginning):
        raise OutputError(f"{path}: exists and is not an Optuna storage of this kind; give the name of a new file")


def _require_studies(place: StoragePlace) -> None:
    """Check that a SQLite file has Optuna's tables, because Optuna would make a file, or tables in another database."""
    path = place.sqlite_file
    if path is None:
        if place.address.startswith("sqlite"):
            raise UserError(f"{place.text}: names no file; expected {SQLITE_PREFIX}FILE")
        return
    if not path.is_file():
        raise OutputError(f"{place.text}: there is no file {path}; expected the SQLite file of an Optuna storage")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE type='table' AND name='studies'").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise OutputError(f"{place.text}: cannot be read as a SQLite database ({error})") from error
    if found is None:
        raise OutputError(f"{place.text}: is a SQLite database without Optuna's tables; give an Optuna storage")
