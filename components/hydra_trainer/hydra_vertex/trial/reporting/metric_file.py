"""The one writer of a trial's metric file. Its records are cloudml-hypertune's; how it writes them is not.

A reader that polls in a tight loop sees whole records at every moment, and each report costs the same however long the
file is (see `line_append`). Threads and processes that report at once take turns at a lock file beside it, so that the
steps of each metric grow and none loses the lines of another. Every line is kept: hypertune's limit of 100 would drop
the curve of a long training, and a reader that wants only the last 100 finds them at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError

from .line_append import append_line, sync
from .record_index import open_index
from .records import make_line, next_step
from .turns import take_turn


def add_value(file: Path, metric: str, value: float, step: int | None = None) -> None:
    """Add one finite value of a metric. Without a `step` it gets one after the metric's last. Raises OutputError."""
    with _naming_what_is_lost(file, metric, value), take_turn(file):
        with open_index(file) as index:
            known, longest = index.of_metric(metric), index.longest_line
        last = None if known is None else known.newest.step
        append_line(file, make_line(metric, value, next_step(step, last)), longest=longest)


def add_final_value(file: Path, metric: str, value: float) -> None:
    """Add the finite value that the trial is judged by, one step after everything in the file. Raises OutputError.

    Nothing is added when the metric's newest record holds that very value at the metric's last step: then the app has
    reported it itself. Any other value is added, such as the best one of a curve whose last point is a worse one.
    """
    with _naming_what_is_lost(file, metric, value), take_turn(file):
        with open_index(file) as index:
            records, longest = index.of_all(), index.longest_line
        own = records.metrics.get(metric)
        if own is not None and own.newest.value == value and own.newest.step == own.highest_step:
            sync(file)
        else:
            line = make_line(metric, value, next_step(None, records.highest_step))
            append_line(file, line, longest=longest, durable=True)


def add_line(file: Path, line: bytes) -> None:
    """Add a record that is made already; `line` ends in a newline. Raises OSError."""
    with take_turn(file):
        with open_index(file) as index:
            longest = index.longest_line
        append_line(file, line, longest=longest)


@contextmanager
def _naming_what_is_lost(file: Path, metric: str, value: float) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{file}: the measurement {metric}={value} cannot be written: {error.strerror}") from error
