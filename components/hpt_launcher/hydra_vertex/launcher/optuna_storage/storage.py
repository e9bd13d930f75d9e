"""Opens an Optuna storage with the installed Optuna, and chooses one of its studies."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hydra_vertex.launcher.report.study import quiet_optuna
from hydra_vertex.launcher.text.terminal import excerpt, one_line
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.suggestions import suggest

from .place import StoragePlace

if TYPE_CHECKING:
    import optuna

_MAX_NAMES = 10


@contextmanager
def opened(place: StoragePlace, *, creates: bool = False) -> Iterator[optuna.storages.BaseStorage]:
    """Open a storage. A database without Optuna's tables gets them if `creates`; with Optuna 2, always.

    Raises OutputError when it cannot be opened, read or written in the context, UserError when the installed Optuna
    has no journal files.
    """
    try:
        with quiet_optuna():
            storage = _journal(place) if place.is_journal else _database(place, creates=creates)
            try:
                yield storage
            finally:
                if not place.is_journal:
                    storage.remove_session()
    except ImportError as error:
        raise OutputError(f"{place.text}: Python needs a driver for this database: {error}") from error
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        # SQLAlchemy, its drivers and Optuna have no common class of errors.
        raise OutputError(f"{place.text}: cannot be used as an Optuna storage ({_reason(error)})") from error


def chosen_study(place: StoragePlace, storage: optuna.storages.BaseStorage, name: str, choice: str) -> str:
    """Return the name of the study to read: `name`, or the only one of the storage.

    Raises UserError; `choice` is how the user can choose one.
    """
    import optuna

    names = sorted(study.study_name for study in optuna.get_all_study_summaries(storage))
    if not names:
        raise UserError(f"{place.text}: has no study")
    listed = ", ".join(excerpt(found) for found in names[:_MAX_NAMES])
    listed += f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    if not name and len(names) > 1:
        raise UserError(f"{place.text}: has {len(names)} studies; choose one with {choice}: {listed}")
    if name and name not in names:
        raise UserError(f"{place.text}: has no study {excerpt(name)}{suggest(name, names)}")
    return name or names[0]


def _database(place: StoragePlace, *, creates: bool) -> optuna.storages.RDBStorage:
    from optuna.storages import RDBStorage

    can_skip = "skip_table_creation" in inspect.signature(RDBStorage.__init__).parameters
    return (
        RDBStorage(place.address, skip_table_creation=True) if can_skip and not creates else RDBStorage(place.address)
    )


def _journal(place: StoragePlace) -> optuna.storages.BaseStorage:
    """Return a journal storage, whose class has had two names since Optuna 3.1."""
    from optuna import storages

    if hasattr(storages, "journal") and hasattr(storages.journal, "JournalFileBackend"):
        return storages.JournalStorage(storages.journal.JournalFileBackend(place.address))
    if hasattr(storages, "JournalFileStorage"):
        return storages.JournalStorage(storages.JournalFileStorage(place.address))
    raise UserError(f"{place.text}: journal files need Optuna 3.1 or newer; give sqlite:///FILE")


def _reason(error: Exception) -> str:
    """Return the first line of an error's message, which of SQLAlchemy's errors is the driver's message."""
    return one_line((str(error).strip() or type(error).__name__).splitlines()[0], 300)
