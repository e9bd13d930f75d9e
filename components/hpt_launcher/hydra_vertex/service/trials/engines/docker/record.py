"""What the engine writes down about a launch, in the trial's folder: a service that starts later finds it there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.system.untrusted_files import read_end
from hydra_vertex.service.trials.engines.contract import Launch, UnavailableError

from .places import launch_folder

RECORD_NAME = "record.json"
RECORD_BYTES = 1 << 12


@dataclass(frozen=True, slots=True)
class DockerRecord:
    """`is_created` says that all containers were created: one that is missing then was removed by somebody else.

    `end_requested` is when the end of the workers was requested; None when it was not. `ports` are those of several
    workers in the host's network.
    """

    is_created: bool = False
    end_requested: datetime | None = None
    ports: tuple[int, ...] = ()


def read_record(launch: Launch) -> DockerRecord | None:
    """Return the record of a launch; None when it was not accepted. Raises UnavailableError for another error."""
    try:
        fields = json.loads(read_end(_path(launch), RECORD_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{_path(launch)}: cannot be read: {error}") from error
    if not isinstance(fields, Mapping):
        return DockerRecord()
    requested = fields.get("end_requested")
    moment = datetime.fromtimestamp(requested, timezone.utc) if isinstance(requested, (int, float)) else None
    ports = fields.get("ports")
    numbers = tuple(port for port in ports if isinstance(port, int)) if isinstance(ports, (list, tuple)) else ()
    return DockerRecord(fields.get("created") is True, moment, numbers)


def write_record(launch: Launch, record: DockerRecord) -> None:
    """Write the record. Raises UnavailableError."""
    requested = None if record.end_requested is None else record.end_requested.timestamp()
    fields: JsonObject = {"created": record.is_created, "end_requested": requested, "ports": record.ports}
    try:
        write_atomic(_path(launch), json.dumps(fields))
    except OSError as error:
        raise UnavailableError(f"{_path(launch)}: cannot be written: {error}") from error


def delete_record(launch: Launch) -> None:
    """Remove the record, and then the folders of the workers as far as this user may. Raises UnavailableError."""
    try:
        _path(launch).unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"{_path(launch)}: cannot be removed: {error}") from error
    shutil.rmtree(launch_folder(launch), ignore_errors=True)


def _path(launch: Launch) -> Path:
    return launch_folder(launch) / RECORD_NAME
