"""An exclusive lock on the folder of a local run. The kernel frees it when the process that holds it exits."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import PLAN_FILE
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.file_lock import open_lock_file, try_lock, wait_for_lock
from hydra_vertex.protocol.json import Json

LOCK_NAME = ".run.lock"


_PROBE_S = 0.5
"""How long a run waits for a lock that another command only tests."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that holds the lock of a folder, or held it last and did not end well.

    `again` is the command that continues the run, to be typed in `directory`; both are empty when they are unknown, as
    in the folder of a run that ended well.
    """

    is_running: bool
    holder: str = ""
    again: str = ""
    directory: str = ""


@contextlib.contextmanager
def locked(folder: Path, again: str = "") -> Iterator[None]:
    """Create the folder and lock it for the block. `again` is the command that continues the run.

    Raises UserError naming the run that holds the lock, OutputError when the folder cannot be used.
    """
    path = folder / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = open_lock_file(path)
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        _lock(descriptor, path, again)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def last_run(folder: Path) -> LastRun:
    """Return the run that is in progress in a folder, or that was before. Nothing is created or changed."""
    path = folder / LOCK_NAME
    is_running = _is_locked(path)
    fields = _fields(path)
    again, directory = fields.get("again"), fields.get("directory")
    return LastRun(
        is_running,
        _holder(fields),
        again if isinstance(again, str) else "",
        directory if isinstance(directory, str) else "",
    )


def _is_locked(path: Path) -> bool:
    """Whether a process holds the lock: a lock that was obtained here is released at once."""
    if not path.exists():
        return False
    try:
        descriptor = open_lock_file(path)
    except OSError:
        return False
    try:
        try_lock(descriptor)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def unusable(folder: Path, error: OSError) -> OutputError:
    """Return the error for a folder in which nothing can be written."""
    return OutputError(f"{folder}: cannot be used as output folder ({error.strerror or error})")


def _lock(descriptor: int, path: Path, again: str) -> None:
    try:
        is_locked = wait_for_lock(descriptor, _PROBE_S)
    except TimeoutError as error:
        raise UserError(
            f"{path.parent}: is in use by another run, {_holder(_fields(path))}; "
            "wait for it or stop it, or give --out another folder"
        ) from error
    except OSError as error:
        raise unusable(path.parent, error) from error
    if not is_locked:
        raise OutputError(
            f"{path.parent}: cannot be used as output folder (its file system has no locks); "
            "give --out a folder on a local disk"
        )
    _write_holder(descriptor, again)


def _write_holder(descriptor: int, again: str) -> None:
    fields: dict[str, Json] = {"pid": os.getpid(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
    with contextlib.suppress(OSError):  # the working directory may have been removed
        fields |= {"again": again, "directory": str(Path.cwd())}
    # Without these fields, as on a full disk, another run's message does not name this process; the lock still holds.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(fields).encode(), 0)


def _fields(path: Path) -> Mapping[str, Json]:
    try:
        fields = load_json(path, PLAN_FILE)
    except UserError:
        fields = None
    return fields if isinstance(fields, dict) else {}


def _holder(fields: Mapping[str, Json]) -> str:
    if "pid" not in fields:
        return "one that is just starting"
    return f"process {fields['pid']} since {fields.get('since')}"
