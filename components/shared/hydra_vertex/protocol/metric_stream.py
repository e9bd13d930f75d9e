"""The lines with which `hydra-trial` copies its metric file to stdout, for engines that read a container's log only.

A line is `hydra-trial-metric <nonce> <number> <record>`. The number counts the records of a run from 1, so that a
reader sees gaps and repetitions. The nonce of each launch is in MARKER, which the app does not see: what an app prints
cannot be taken for a record. Text that the app had written before, without a newline, precedes the line's own text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARKER = "HYDRA_TRIAL_METRIC_STREAM"
"""The environment variable with the nonce of the launch. `hydra-trial` copies its metric file when it is set."""

REPEATED = 1000
"""The number of newest records that are repeated at the end of the run: as many as the tuning service reads."""

_WORD = b"hydra-trial-metric"
_REST = re.compile(rb"(\d{1,9}) (\{.*\})")


@dataclass(frozen=True, slots=True)
class StreamedRecord:
    """A record found in a line of a log. `before` is the app's own text in the same line."""

    before: bytes
    number: int
    record: bytes


def streamed_line(nonce: str, number: int, record: bytes) -> bytes:
    """Return the line of a record, which is a line of a metric file without its newline."""
    return b"%s %s %d %s\n" % (_WORD, nonce.encode(), number, record)


def find_record(line: bytes, nonce: str) -> StreamedRecord | None:
    """Return the record in a line without its newline; None when the line is the app's own."""
    if not nonce:
        return None
    before, mark, rest = line.partition(b"%s %s " % (_WORD, nonce.encode()))
    match = _REST.fullmatch(rest.rstrip()) if mark else None
    return None if match is None else StreamedRecord(before, int(match[1]), match[2])
