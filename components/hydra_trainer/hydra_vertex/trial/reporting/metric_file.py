"""Writes a trial's metric file: records in cloudml-hypertune's format, with stronger guarantees than hypertune.

A reader sees only whole records at any time, and the cost of a report does not depend on the file's length (see
`line_append`). Concurrent threads and processes use a lock file beside the metric file, so that the steps of each
metric increase and no line is lost. All lines are kept: hypertune's limit of 100 records would drop the curve of a long
training, and a reader that needs only the last 100 finds them at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError

from .line_append import append_line, sync
from .record_index import open_index
from .records import make_line, next_step
from .turns import take_turn


def add_value(file: Path, metric: str, value: float, step: int | None = None) -> None:
    """Add one finite value of a metric. `step` None means the metric's last step plus 1. Raises OutputError."""
    with _naming_what_is_lost(file, f"measurement {metric}={value}"), take_turn(file):
        with open_index(file) as index:
            known, longest = index.of_metric(metric), index.longest_line
        last = None if known is None else known.newest.step
        append_line(file, make_line(metric, value, next_step(step, last)), longest=longest)


def add_final_value(file: Path, metric: str, value: float) -> None:
    """Add the trial's final value, which is finite, one step after all records in the file. Raises OutputError.

    Nothing is added if the metric's newest record has the same value at the metric's highest step: then the app has
    already reported it. Any other value is added, such as the best value of a curve that ends with a worse one.
    """
    with _naming_what_is_lost(file, f"measurement {metric}={value}"), take_turn(file):
        with open_index(file) as index:
            records, longest = index.of_all(), index.longest_line
        own = records.metrics.get(metric)
        if own is not None and own.newest.value == value and own.newest.step == own.highest_step:
            sync(file)
        else:
            line = make_line(metric, value, next_step(None, records.highest_step))
            append_line(file, line, longest=longest, durable=True)


def add_final_values(file: Path, values: Mapping[str, float]) -> None:
    """Add the trial's final values of several metrics at one step, after all records in the file. Raises OutputError.

    A reader that merges the records of a step gets all of them as one measurement.
    """
    named = ", ".join(f"{metric}={value}" for metric, value in values.items())
    with _naming_what_is_lost(file, f"measurement {named}"), take_turn(file):
        with open_index(file) as index:
            records, longest = index.of_all(), index.longest_line
        step = next_step(None, records.highest_step)
        lines = [make_line(metric, value, step) for metric, value in values.items()]
        for line in lines:
            append_line(file, line, longest=max(longest, *map(len, lines)), durable=line is lines[-1])


def add_line(file: Path, line: bytes) -> None:
    """Add a complete record; `line` ends in a newline. Raises OSError."""
    with take_turn(file):
        with open_index(file) as index:
            longest = index.longest_line
        append_line(file, line, longest=longest)


@contextmanager
def _naming_what_is_lost(file: Path, lost: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{file}: the {lost} cannot be written: {error.strerror}") from error
