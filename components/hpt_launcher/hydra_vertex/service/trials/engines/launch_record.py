"""The record of a trial's launches by an engine, in the trial's folder, written before each step that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.protocol.whole_file import write_whole
from hydra_vertex.service.system.untrusted_files import read_end
from hydra_vertex.service.trials.exit_document import dump_exit, parse_exit
from hydra_vertex.service.trials.exit_status import ExitStatus

from .contract import Interruption

RECORD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """One launch of a trial, and what is known of it.

    `attempt` counts from 1. `is_accepted`: the engine has accepted the launch. `is_ending`: its end was requested.
    `has_timed_out`: it has exceeded its time limit. `exit_status` is how it ended, None before. `interruptions` counts
    how often earlier attempts were interrupted.
    """

    attempt: int
    is_accepted: bool = False
    is_ending: bool = False
    has_timed_out: bool = False
    exit_status: ExitStatus | None = None
    interruptions: Mapping[Interruption, int] = field(default_factory=dict)

    def next(self, cause: Interruption | None = None) -> LaunchRecord:
        """Return the record of the next attempt. `cause` is how this one was interrupted, None when it was not."""
        counts = dict(self.interruptions)
        if cause is not None:
            counts[cause] = counts.get(cause, 0) + 1
        return LaunchRecord(self.attempt + 1, interruptions=counts)


def write_record(path: Path, record: LaunchRecord) -> None:
    """Write the record, durably. Raises OSError."""
    exit_status = record.exit_status
    fields: dict[str, Json] = {
        "attempt": record.attempt,
        "accepted": record.is_accepted,
        "ending": record.is_ending,
        "timed_out": record.has_timed_out,
        "exit": None if exit_status is None else dump_exit(exit_status),
        "interruptions": {cause.name: count for cause, count in record.interruptions.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(str(path), json.dumps(fields).encode())


def read_record(path: Path) -> LaunchRecord | None:
    """Read the record; None when there is none. Raises OSError in a shortage, else ValueError.

    A record that cannot be read or understood must not count as none: the trial would be launched twice.
    """
    try:
        content = read_end(path, RECORD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if is_shortage(error):
            raise
        raise ValueError(f"{path}, the record of a launch, cannot be read ({error}); restore the file") from error
    try:
        return _parse(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not the record of a launch ({error}); restore the file") from error


def is_launched(path: Path) -> bool:
    """Whether a launch may run: there is a record, and it has no exit. True also for one that cannot be read now."""
    try:
        record = read_record(path)
    except (OSError, ValueError):
        return True
    return record is not None and record.exit_status is None


def _parse(value: Json) -> LaunchRecord:
    if not isinstance(value, dict):
        raise TypeError("no JSON object")
    counts = value["interruptions"]
    if not isinstance(counts, dict):
        raise TypeError("interruptions is no JSON object")
    return LaunchRecord(
        attempt=_integer(value["attempt"]),
        is_accepted=value["accepted"] is True,
        is_ending=value["ending"] is True,
        has_timed_out=value.get("timed_out") is True,
        exit_status=None if value["exit"] is None else parse_exit(value["exit"]),
        interruptions={Interruption[name]: _integer(count) for name, count in counts.items()},
    )


def _integer(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no integer")
    return value
