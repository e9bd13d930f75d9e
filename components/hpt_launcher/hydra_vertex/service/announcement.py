"""The file `service.json`: the process that serves a folder, and the addresses on which it listens."""

from __future__ import annotations

import contextlib
import os

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.system.folder_lock import unusable
from hydra_vertex.service.system.process_identity import ProcessId, identify, is_alive

from .folder import ServiceFolder


def publish(folder: ServiceFolder, url: str, grpc_address: str | None) -> None:
    """Write that this process serves the folder. Raises OutputError when the file cannot be written."""
    process = identify(os.getpid())
    ticks = {} if process is None else {"startTicks": process.start_ticks}
    grpc = {} if grpc_address is None else {"grpc": grpc_address}
    try:
        write_atomic(folder.announcement, json.dumps({"pid": os.getpid(), **ticks, "url": url, **grpc}))
    except OSError as error:
        raise unusable(folder.path, error) from error


def withdraw(folder: ServiceFolder) -> None:
    """Remove the file, unless another service has written it since.

    A file that cannot be removed is harmless: it names a process that has ended.
    """
    if _read(folder).get("pid") == os.getpid():
        with contextlib.suppress(OSError):
            folder.announcement.unlink(missing_ok=True)


def require_unserved(folder: ServiceFolder) -> None:
    """Check that the process named in the file has ended.

    Raises UserError when it still runs, which means that its lock file was removed while it held the lock.
    """
    found = _read(folder)
    pid, ticks = found.get("pid"), found.get("startTicks")
    if isinstance(pid, int) and isinstance(ticks, int) and pid != os.getpid() and is_alive(ProcessId(pid, ticks)):
        raise UserError(
            f"{folder.path}: is served already by process {pid} at {found.get('url')}, although {folder.lock.name} was "
            "removed; use that service, stop it, or give another folder"
        )


def _read(folder: ServiceFolder) -> JsonObject:
    try:
        fields = json.loads(folder.announcement.read_bytes())
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}
