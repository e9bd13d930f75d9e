"""Copies a worker's log to the trial's folder, and the records in it to the metric file.

Each file is appended to, and `kubernetes-log.json` then says how much of them counts: what a killed service had
appended beyond it is cut off, and read from the cluster again. So nothing is lost and nothing is there twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.metric_fields import fields_of
from hydra_vertex.protocol.metric_stream import find_record
from hydra_vertex.protocol.regular_file import open_regular
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.system.untrusted_files import read_end, remove

from .documents import field as field_of
from .documents import mapping, number, text
from .log_overlap import Answer, LogPosition

STATE_FILE = "kubernetes-log.json"
STATE_BYTES = 64 << 20
LOG_LIMIT_BYTES = 64 << 20
"""Above this, the middle of a log is left out, as in the logs of local trials."""

METRIC_BYTES = 4 << 20
_ROTATED = b"\n[... the cluster rotated the log here; lines may be missing ...]\n"


class LogCopy:
    """The copy of the log of one launch."""

    def __init__(self, folder: TrialFolder, launch_id: str, nonce: str) -> None:
        """Take up the copy where a service left it. `nonce` marks the records in the log. Raises OSError."""
        self._folder, self._launch_id, self._nonce = folder, launch_id, nonce
        document = _read_state(folder, launch_id)
        self.position = LogPosition.from_json(mapping(document, "position"))
        self.is_log_complete = field_of(document, "logComplete") is True
        self._is_complete = field_of(document, "complete") is True
        self._last = number(document, "lastRecord")
        self._waiting = {int(n): str(record).encode() for n, record in mapping(document, "waiting").items()}
        self._sizes = {file: number(document, file.name) for file in (folder.log, folder.metric_file)}
        self._left_out = number(document, "leftOut")
        folder.path.mkdir(parents=True, exist_ok=True)
        for file, size in self._sizes.items():
            self._sizes[file] = _cut(file, size)

    def add(self, parts: Iterator[bytes], *, is_end: bool) -> None:
        """Add an answer with a part of the log. An unfinished last line is left for later, unless `is_end`.

        Raises OSError. What came before an error of `parts` is added.
        """
        answer, rest = Answer(self.position), b""
        for part in parts:
            *lines, rest = (rest + part).split(b"\n")
            self._add(answer, [line + b"\n" for line in lines])
        if rest and is_end:
            self._add(answer, [rest])

    def close_log(self) -> None:
        """Note that the log has been read to its end. A kubelet answers later requests with an error's text."""
        self.is_log_complete = True
        self._write_state()

    def complete(self, message: str) -> None:
        """Add the records that the log has not brought: those after a gap, and the end of the metric file itself.

        `message` is the container's termination message.
        """
        records = [self._waiting[n] for n in sorted(self._waiting)]
        self._last, self._waiting = max((self._last, *self._waiting)), {}
        known = {line.strip() for line in _end_of(self._folder.metric_file).splitlines()} | set(records)
        lines = (line.strip() for line in message.encode().splitlines())
        records += [line for line in lines if fields_of(line) is not None and line not in known]
        self._append(self._folder.metric_file, b"".join(record + b"\n" for record in records))
        self.is_log_complete = self._is_complete = True
        self._write_state()

    def _add(self, answer: Answer, lines: list[bytes]) -> None:
        log: list[bytes] = []
        records: list[bytes] = []
        for line in lines:
            content = answer.new_line(line)
            if content is None:
                continue
            if answer.is_rotated:
                log.append(_ROTATED)
            found = find_record(content.rstrip(b"\n"), self._nonce)
            if found is None:
                log.append(content)
            else:
                log.append(found.before)
                records += self._in_order(found.number, found.record)
        if log or records:
            self._append(self._folder.log, b"".join(log))
            self._append(self._folder.metric_file, b"".join(record + b"\n" for record in records))
            self._write_state()

    def _in_order(self, number_of_record: int, record: bytes) -> Iterator[bytes]:
        """Yield the records that are next in order. Those after a gap wait for the repetition at the end of the run."""
        if number_of_record > self._last:
            self._waiting.setdefault(number_of_record, record)
        while self._last + 1 in self._waiting:
            self._last += 1
            yield self._waiting.pop(self._last)

    def _append(self, file: Path, data: bytes) -> None:
        if not data:
            return
        descriptor = open_regular(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with os.fdopen(descriptor, "ab") as opened:
            opened.write(data)
        self._sizes[file] += len(data)
        if file == self._folder.log and self._sizes[file] > LOG_LIMIT_BYTES:
            self._compact(file)

    def _compact(self, file: Path) -> None:
        quarter = LOG_LIMIT_BYTES // 4
        with file.open("rb") as opened:
            head = opened.read(quarter)
        self._left_out += self._sizes[file] - 2 * quarter
        note = f"\n[... {self._left_out} bytes of log left out here ...]\n".encode()
        content = head + note + read_end(file, quarter)
        write_atomic(file, content, durable=False)
        self._sizes[file] = len(content)

    def _write_state(self) -> None:
        state: JsonObject = {
            "launch": self._launch_id,
            "position": self.position.to_json(),
            "logComplete": self.is_log_complete,
            "complete": self._is_complete,
            "lastRecord": self._last,
            "waiting": {str(n): record.decode(errors="replace") for n, record in self._waiting.items()},
            "leftOut": self._left_out,
            **{file.name: size for file, size in self._sizes.items()},
        }
        write_atomic(self._folder.path / STATE_FILE, json.dumps(state), durable=False)


def is_copied(folder: TrialFolder, launch_id: str) -> bool:
    """Whether all of a launch's log is in the folder."""
    return field_of(_read_state(folder, launch_id), "complete") is True


def remove_state(folder: TrialFolder, launch_id: str) -> None:
    """Remove what is noted about the copy of a launch, but not of another launch. Raises OSError."""
    if _read_state(folder, launch_id):
        remove(folder.path / STATE_FILE)


def _read_state(folder: TrialFolder, launch_id: str) -> JsonObject:
    try:
        document = mapping({"": json.loads(read_end(folder.path / STATE_FILE, STATE_BYTES))}, "")
    except (OSError, ValueError):
        return {}
    return document if text(document, "launch") == launch_id else {}


def _cut(file: Path, size: int) -> int:
    """Cut off what lies beyond a size. Return the file's size."""
    try:
        descriptor = open_regular(file, os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        if os.fstat(descriptor).st_size > size:
            os.ftruncate(descriptor, size)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _end_of(file: Path) -> bytes:
    try:
        return read_end(file, METRIC_BYTES)
    except OSError:
        return b""
