"""An exclusive lock on the folder of a local run. The kernel frees it when the process that holds it exits."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import PLAN_FILE
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.file_lock import open_lock_file, try_lock

LOCK_NAME = ".run.lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create the folder and lock it for the block.

    Raises UserError naming the run that holds the lock, OutputError when the folder cannot be used.
    """
    path = folder / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = open_lock_file(path)
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        _lock(descriptor, path)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def unusable(folder: Path, error: OSError) -> OutputError:
    """Return the error for a folder in which nothing can be written."""
    return OutputError(f"{folder}: cannot be used as output folder ({error.strerror or error})")


def _lock(descriptor: int, path: Path) -> None:
    try:
        is_locked = try_lock(descriptor)
    except BlockingIOError as error:
        raise UserError(
            f"{path.parent}: is in use by another run, {_holder(path)}; "
            "wait for it or stop it, or give --out another folder"
        ) from error
    except OSError as error:
        raise unusable(path.parent, error) from error
    if not is_locked:
        raise OutputError(
            f"{path.parent}: cannot be used as output folder (its file system has no locks); "
            "give --out a folder on a local disk"
        )
    _write_holder(descriptor)


def _write_holder(descriptor: int) -> None:
    holder = json.dumps({"pid": os.getpid(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}).encode()
    # Without these fields, as on a full disk, another run's message does not name this process; the lock still holds.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder, 0)


def _holder(path: Path) -> str:
    try:
        fields = load_json(path, PLAN_FILE)
    except UserError:
        fields = None
    if not isinstance(fields, dict) or "pid" not in fields:
        return "one that is just starting"
    return f"process {fields['pid']} since {fields.get('since')}"
