"""Which lines of an answer with a part of a log are new. Pure.

A request names the second from which on it wants lines, so that an answer begins with known ones. They are recognised
by their digests, in the order of the log: lines of stdout and stderr may have times that are not quite ascending. Where
the known lines are gone, the log was rotated meanwhile.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import blake2b

from hydra_vertex.protocol.json import Json, JsonObject

from .documents import field as field_of
from .documents import number, time

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)")
_BACK = timedelta(seconds=0.5)
_EPOCH = datetime.fromtimestamp(0, timezone.utc)


@dataclass(slots=True)
class LogPosition:
    """How far a log has been read: the lines since `begin`, with their times and digests.

    `untimed_bytes` is how much was read of a log without times: some kubelets that are not Kubernetes' own answer every
    request with the whole log as it is.
    """

    newest: deque[tuple[datetime, str]] = field(default_factory=deque)
    begin: datetime = _EPOCH
    untimed_bytes: int = 0

    @property
    def since(self) -> str:
        """The time from which on lines are wanted, in whole seconds; empty for all."""
        return self.begin.strftime("%Y-%m-%dT%H:%M:%SZ") if self.newest else ""

    def remember(self, moment: datetime, digest: str) -> None:
        """Add a new line."""
        begin = (moment - _BACK).replace(microsecond=0)
        if begin > self.begin:
            self.begin = begin
            self.newest = deque(known for known in self.newest if known[0] >= begin)
        if moment >= self.begin:
            self.newest.append((moment, digest))

    def to_json(self) -> JsonObject:
        """Return the position as JSON."""
        newest: Json = [[stamp.isoformat(), digest] for stamp, digest in self.newest]
        return {"newest": newest, "begin": self.begin.isoformat(), "untimedBytes": self.untimed_bytes}

    @classmethod
    def from_json(cls, document: JsonObject) -> LogPosition:
        """Read a position; that of an unread log when the document is empty. Raises ValueError."""
        pairs = field_of(document, "newest")
        newest = deque(
            (datetime.fromisoformat(str(pair[0])), str(pair[1]))
            for pair in (pairs if isinstance(pairs, list) else ())
            if isinstance(pair, list)
        )
        return cls(newest, time(document, "begin") or _EPOCH, number(document, "untimedBytes"))


@dataclass(slots=True)
class Answer:
    """One answer, whose lines are given to `new_line` in their order."""

    position: LogPosition
    is_rotated: bool = False
    _expected: deque[str] = field(default_factory=deque)
    _is_timed: bool | None = None
    _read_bytes: int = 0

    def __post_init__(self) -> None:
        self._expected = deque(digest for _, digest in self.position.newest)

    def new_line(self, line: bytes) -> bytes | None:
        """Return a line without its time; None when it is known. `line` has its newline, if the answer has one.

        `is_rotated` is True afterwards when known lines were missing before this one.
        """
        self.is_rotated = False
        stamp, separator, content = line.partition(b" ")
        moment = _moment(stamp.strip())
        if self._is_timed is None:
            self._is_timed = moment is not None
        if not self._is_timed:
            return None if self.position.newest else self._untimed(line)
        if moment is None:  # a line without a time among others is an error's text: the container was removed
            return None
        digest = _digest(line)
        if self._is_known(digest):
            return None
        self.position.remember(moment, digest)
        return content if separator else b"\n"

    def _is_known(self, digest: str) -> bool:
        if digest in self._expected:
            while self._expected.popleft() != digest:
                pass
            return True
        self.is_rotated = bool(self._expected)
        self._expected.clear()
        return False

    def _untimed(self, line: bytes) -> bytes | None:
        self._read_bytes += len(line)
        new = self._read_bytes - self.position.untimed_bytes
        if new <= 0:
            return None
        self.position.untimed_bytes = self._read_bytes
        return line[-new:]


def _moment(stamp: bytes) -> datetime | None:
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return None
    fraction = (match[2] or b"").decode().ljust(6, "0")[:6]
    zone = stamp.decode()[-6:] if stamp[-1:] != b"Z" else "+00:00"
    return datetime.fromisoformat(f"{match[1].decode()}.{fraction}{zone}").astimezone(timezone.utc)


def _digest(line: bytes) -> str:
    return blake2b(line.rstrip(b"\n"), digest_size=8).hexdigest()
