"""One run at a time on a folder: the lock goes with the process that holds it, whichever way that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import PLAN_FILE
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError, UserError

LOCK_NAME = ".run.lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder and hold it. Raises UserError naming the run that holds it, OutputError when it is unusable."""
    path = folder / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        _take(descriptor, path)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def unusable(folder: Path, error: OSError) -> OutputError:
    """What is said of a folder in which nothing can be written."""
    return OutputError(f"{folder}: cannot be used as output folder ({error.strerror or error})")


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(
            f"{path.parent}: is in use by another run, {_holder(path)}; "
            "wait for it or stop it, or give --out another folder"
        ) from error
    except OSError as error:
        raise unusable(path.parent, error) from error
    holder = json.dumps({"pid": os.getpid(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}).encode()
    # What cannot be written, as on a full disk, is missing in a message alone.
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
