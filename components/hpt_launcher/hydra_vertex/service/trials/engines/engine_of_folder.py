"""The engine with which the jobs of a service's folder were started. Another one would launch their trials again."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json, JsonObject

from .contract import HasAddress, UnavailableError, WorkerEngine
from .options import THIS_MACHINE


def keep_engine(file: Path, engine: WorkerEngine | None, *, has_unfinished_jobs: bool) -> None:
    """Record the engine in a file of the folder; None is this machine.

    Raises UserError when unfinished jobs were started with another engine, or with one at another address, and when the
    engine does not say its address; OutputError when the record cannot be read or written.
    """
    place = _place(engine)
    try:
        known = json.loads(file.read_bytes()) if file.exists() else {"engine": THIS_MACHINE}
    except (OSError, ValueError) as error:
        raise OutputError(f"{file}: cannot be read ({error}); restore it, or give another folder") from error
    if has_unfinished_jobs and not _is_within(known, place):
        raise UserError(
            f"the unfinished jobs of {file.parent} were started with {_described(known)}, not {_described(place)}: "
            "their trials would run twice; start with the same engine, or give another folder; if both are the same "
            f"engine under two addresses, write the new one into {file}"
        )
    if known != place:
        try:
            write_atomic(file, json.dumps(place))
        except OSError as error:
            raise OutputError(f"{file}: cannot be written ({error}); give a folder that can be written") from error


def _place(engine: WorkerEngine | None) -> JsonObject:
    if engine is None:
        return {"engine": THIS_MACHINE}
    try:
        address = engine.address() if isinstance(engine, HasAddress) else {}
    except UnavailableError as error:
        raise UserError(f"engine {engine.name}: {error}") from error
    return {"engine": engine.name, **address}


def _is_within(known: Json, place: JsonObject) -> bool:
    """Whether the place has all that is known. A record of less is of a version that did not write more."""
    return isinstance(known, dict) and "engine" in known and known.items() <= place.items()


def _described(place: Json) -> str:
    if not isinstance(place, dict):
        return repr(place)
    address = ", ".join(f"{key} {value}" for key, value in place.items() if key != "engine")
    return f"--engine {place.get('engine')}{f' ({address})' if address else ''}"
