"""An exit status as JSON, in the records that engines keep of their launches."""

from __future__ import annotations

from datetime import datetime, timezone

from hydra_vertex.protocol.json import Json, JsonObject, object_of

from .exit_status import ExitStatus


def dump_exit(status: ExitStatus) -> JsonObject:
    """Return an exit status as a JSON object; `started` is in seconds since the epoch, None when unknown."""
    return {
        "code": status.code,
        "signal": status.signal,
        "timed_out": status.timed_out,
        "stopped": status.stopped,
        "error": status.error,
        "memory_bytes": status.memory_bytes,
        "started": None if status.started is None else status.started.timestamp(),
        "detail": status.detail,
    }


def parse_exit(value: Json) -> ExitStatus:
    """Read what `dump_exit` has written. Raises ValueError, or KeyError for a missing field."""
    fields = object_of(value)
    started = fields["started"]
    return ExitStatus(
        code=_integer(fields["code"]),
        signal=_integer(fields["signal"]),
        timed_out=fields["timed_out"] is True,
        stopped=fields["stopped"] is True,
        error=str(fields["error"]),
        memory_bytes=_integer(fields["memory_bytes"]),
        started=datetime.fromtimestamp(started, timezone.utc) if isinstance(started, (int, float)) else None,
        detail=str(fields["detail"]),
    )


def _integer(value: Json) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"{value!r} is no integer")
    return value
