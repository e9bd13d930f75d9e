"""Reads exit.json, in which a supervisor records how its command ended, and describes failures."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.protocol.signals import signal_name
from hydra_vertex.service.devices.capacity import gib
from hydra_vertex.service.system.untrusted_files import read_end

ERROR_CHARACTERS = 1000
EXIT_FILE_BYTES = 64 << 10
INTEGER_LIMIT = 1 << 63


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a command ended. Exactly one of `code`, `signal` and `error` is given, unless only `timed_out` is known.

    `stopped` is True when its end was requested, `timed_out` when it exceeded its time limit. `memory_bytes` is the
    memory it used when it was killed for exceeding its memory limit, otherwise None. `started` is None when unknown.
    `detail` is what an engine says about an unsuccessful end, such as "OOMKilled"; it replaces the description.
    """

    code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    stopped: bool = False
    error: str = ""
    memory_bytes: int | None = None
    started: datetime | None = None
    detail: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the command ended by itself, with exit code 0."""
        return self.code == 0 and not self.timed_out and not self.error and self.memory_bytes is None

    @property
    def is_own_end(self) -> bool:
        """Whether the command ended without a request to stop. An end by a time or memory limit counts as its own."""
        return not self.stopped


def read_exit_status(path: Path, token: str) -> ExitStatus | None:
    """Read an exit.json. Returns None when it is missing, because the supervisor was killed, or lacks the token.

    The service gives the `token` to the supervisor but not to the trial, so that a trial cannot forge the file.
    Raises OSError when the file cannot be read because of a shortage (`hydra_vertex.protocol.shortage`).
    """
    try:
        fields = json.loads(read_end(path, EXIT_FILE_BYTES))
    except OSError as error:
        if is_shortage(error):
            raise
        return None
    except ValueError:
        return None
    if not isinstance(fields, dict) or not _is_token(fields.get("token"), token):
        return None
    return ExitStatus(
        code=_integer(fields.get("code")),
        signal=_integer(fields.get("signal")),
        timed_out=fields.get("timed_out") is True,
        stopped=fields.get("stopped") is True,
        error=str(fields.get("error", ""))[:ERROR_CHARACTERS],
        memory_bytes=_integer(fields.get("memory_bytes")),
        started=_time(fields.get("started")),
    )


def failure_reason(exit_status: ExitStatus, timeout_s: float) -> str:
    """Describe an unsuccessful exit in one line."""
    if exit_status.error:
        return f"could not be started: {exit_status.error}"
    if exit_status.timed_out:
        return f"ran past its limit of {timeout_s:g} s"
    if exit_status.detail:
        return exit_status.detail
    if exit_status.memory_bytes is not None:
        return f"killed when it used {gib(exit_status.memory_bytes)} of memory, more than --trial-memory allows"
    if exit_status.signal is not None:
        return f"killed by {signal_name(exit_status.signal)}"
    return f"exited with code {exit_status.code}"


def with_tail(reason: str, tail: str) -> str:
    """Return a reason followed by the last lines of the trial's log."""
    return f"{reason}\n{tail}" if tail else reason


def _integer(value: object) -> int | None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if isinstance(value, int) and is_integer and abs(value) < INTEGER_LIMIT else None


def _is_token(value: object, token: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), token.encode())


def _time(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
