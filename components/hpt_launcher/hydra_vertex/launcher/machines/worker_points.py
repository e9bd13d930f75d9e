"""One worker's points from Cloud Monitoring: a limited number, which become coarser as a trial becomes longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

from .cloud_series import POINTS, Series

MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""The metric and the labels of one series."""


class WorkerPoints:
    """The values of all series of one worker, in rows of the same length for all of them, so that their times agree.

    A row begins as one minute. When there are more than `most` rows, each two neighbours become one, and its value is
    the mean of theirs, weighted by the time that they stand for.
    """

    def __init__(self, trial: str, worker: str, most: int = POINTS) -> None:
        self._trial, self._worker, self._most = trial, worker, most
        self._minutes = 1
        self._rows: dict[int, dict[_Key, tuple[float, float]]] = {}
        self._newest: dict[_Key, datetime] = {}

    def add(self, series: Series, period_s: int) -> None:
        """Add the values that are newer than those of the same series. Each is the mean of `period_s` seconds."""
        key = (series.metric, series.labels)
        for time in sorted(series.values):
            if key in self._newest and time <= self._newest[key]:
                continue
            self._newest[key] = time
            row = self._rows.setdefault(_divided(_minute_of(time), self._minutes), {})
            total, weight = row.get(key, (0.0, 0.0))
            row[key] = (total + series.values[time] * period_s, weight + period_s)
        while len(self._rows) > self._most:
            self._merge()

    def newest(self, metric: str) -> datetime | None:
        """Return the time up to which all series of a metric have points; None when it has no series."""
        return min((time for (of, _), time in self._newest.items() if of == metric), default=None)

    def series(self) -> Iterator[Series]:
        """Yield the series with the values of their rows, each at the end of its row."""
        last = max(self._newest.values(), default=_EPOCH)
        for metric, labels in self._newest:
            values = {
                min(last, _EPOCH + row * self._minutes * MINUTE): found[metric, labels]
                for row, found in sorted(self._rows.items())
                if (metric, labels) in found
            }
            means = {time: total / weight for time, (total, weight) in values.items()}
            yield Series(self._trial, self._worker, metric, means, labels)

    def _merge(self) -> None:
        rows, self._rows, self._minutes = self._rows, {}, 2 * self._minutes
        for number, row in rows.items():
            merged = self._rows.setdefault(_divided(number, 2), {})
            for key, (total, weight) in row.items():
                before = merged.get(key, (0.0, 0.0))
                merged[key] = (before[0] + total, before[1] + weight)


def _minute_of(time: datetime) -> int:
    """Return the number of the minute that ends at a time or includes it."""
    return -((_EPOCH - time) // MINUTE)


def _divided(number: int, by: int) -> int:
    return -(-number // by)
