"""What the engine notes about a launch in the trial's folder: what the cluster forgets when a Pod is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.system.untrusted_files import read_end, remove
from hydra_vertex.service.trials.engines.contract import Exited, Interrupted, Interruption, Refused, UnavailableError
from hydra_vertex.service.trials.exit_document import dump_exit, parse_exit
from hydra_vertex.service.trials.exit_status import ExitStatus

from .documents import field as field_of
from .documents import mapping, text, time

NOTE_FILE = "kubernetes.json"
NOTE_BYTES = 1 << 20

Outcome = Exited | Interrupted | Refused


@dataclass(frozen=True, slots=True)
class Note:
    """The notes of a launch. `pods` are the names of the workers' first Pods, by the worker's label.

    `outcome` is how the launch ended, once that was seen: it stays so whatever is deleted later.
    """

    launch_id: str
    is_launched: bool = False
    pods: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None
    is_end_requested: bool = False
    last_exit: ExitStatus | None = None
    outcome: Outcome | None = None


def read_note(folder: TrialFolder, launch_id: str) -> Note:
    """Read the notes of a launch; empty ones when there are none, or only those of an earlier launch.

    Raises UnavailableError when they cannot be read: without them, a launch that was removed would run again.
    """
    try:
        return _parse(mapping({"": json.loads(read_end(_path(folder), NOTE_BYTES))}, ""), launch_id)
    except FileNotFoundError:
        return Note(launch_id)
    except (OSError, ValueError, KeyError) as error:
        raise UnavailableError(f"{_path(folder)}: cannot be read ({error}); restore the file") from error


def _parse(document: JsonObject, launch_id: str) -> Note:
    if text(document, "launch") != launch_id:
        return Note(launch_id)
    exit_status = mapping(document, "lastExit")
    return Note(
        launch_id,
        field_of(document, "launched") is True,
        {label: str(name) for label, name in mapping(document, "pods").items()},
        time(document, "started"),
        field_of(document, "endRequested") is True,
        parse_exit(exit_status) if exit_status else None,
        _parse_outcome(mapping(document, "outcome")),
    )


def write_note(folder: TrialFolder, note: Note) -> None:
    """Write the notes of a launch. Raises OSError."""
    document: JsonObject = {
        "launch": note.launch_id,
        "launched": note.is_launched,
        "pods": dict(note.pods),
        "started": None if note.started is None else note.started.isoformat(),
        "endRequested": note.is_end_requested,
        "lastExit": None if note.last_exit is None else dump_exit(note.last_exit),
        "outcome": None if note.outcome is None else _dump_outcome(note.outcome),
    }
    write_atomic(_path(folder), json.dumps(document))


def remove_note(folder: TrialFolder, launch_id: str) -> None:
    """Remove the notes of a launch, but not those of another one. Raises OSError."""
    if read_note(folder, launch_id) != Note(launch_id):
        remove(_path(folder))


def _path(folder: TrialFolder) -> Path:
    return folder.path / NOTE_FILE


def _dump_outcome(outcome: Outcome) -> JsonObject:
    match outcome:
        case Exited(exit_status):
            return {"exited": dump_exit(exit_status)}
        case Interrupted(cause, detail):
            return {"interrupted": cause.name, "detail": detail}
        case Refused(detail):
            return {"refused": detail}


def _parse_outcome(document: JsonObject) -> Outcome | None:
    if "exited" in document:
        return Exited(parse_exit(mapping(document, "exited")))
    if "refused" in document:
        return Refused(text(document, "refused"))
    if text(document, "interrupted") in Interruption.__members__:
        return Interrupted(Interruption[text(document, "interrupted")], text(document, "detail"))
    return None
