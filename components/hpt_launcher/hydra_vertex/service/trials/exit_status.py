"""Reads exit.json, in which a supervisor records how its command ended, and describes failures."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.secret_fingerprints import without_known
from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.protocol.signals import signal_name
from hydra_vertex.service.devices.capacity import gib
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.system.untrusted_files import read_end

LOG_TAIL_LINES = 30
LOG_TAIL_CHARACTERS = 4000
ERROR_CHARACTERS = 1000
LOG_READ_BYTES = 64 << 10
EXIT_FILE_BYTES = 64 << 10
FINGERPRINT_BYTES = 256 << 10

INTEGER_LIMIT = 1 << 63

# CSI and OSC sequences, and the two-character escapes: ECMA-48, sections 5.4, 5.6 and 5.5.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


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


def log_tail(folder: TrialFolder, lines: int = LOG_TAIL_LINES, characters: int = LOG_TAIL_CHARACTERS) -> str:
    """Return the last lines of the log as plain text, with at most so many characters; empty without a log.

    Secrets that the trial has read from Secret Manager are masked.
    """
    try:
        text = read_end(folder.log, LOG_READ_BYTES).decode(errors="replace")
    except OSError:
        return ""
    plain = [_plain(line) for line in text.rstrip().split("\n")]
    tail = "\n".join(plain[-lines:])[-2 * characters :]
    return without_known(tail, _fingerprints(folder))[-characters:]


def _fingerprints(folder: TrialFolder) -> Json:
    try:
        return json.loads(read_end(folder.fingerprint_file, FINGERPRINT_BYTES))
    except (OSError, ValueError):
        return None


def _plain(line: str) -> str:
    """A line as a terminal shows it: without escape sequences, and only the text after the last carriage return."""
    return _UNPRINTABLE.sub("", _ANSI.sub("", line.rstrip().rsplit("\r", 1)[-1])).rstrip()


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
