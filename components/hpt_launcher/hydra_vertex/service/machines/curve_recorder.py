"""A curve of a limited number of points, which becomes coarser as a trial becomes longer. Pure.

A point is the mean over an interval. When the curve is full, each two neighbours become one point, weighted by their
intervals, so that the mean over the whole time stays the same; from then on the intervals are twice as long.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hydra_vertex.job.machine_use import MachineCurve, mean

from .reading import WorkerReading

MAX_POINTS = 120
FIRST_INTERVAL_S = 1.0
SHORTEST_POINT_S = 0.2
LONGEST_PAUSE_S = 5.0
"""The longest time between two readings: a GPU's use is known for the last second only, so it is read more often."""
LONGEST_GAP_S = 30.0
"""The longest time without a reading whose memory and GPU count as known, in a curve that is not read rarely."""
TOO_SHORT = "it ended before it could be measured"
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Point:
    """The means over an interval that ends at `time_s` and lasts `weight_s`."""

    time_s: float
    weight_s: float
    cpu: float | None
    memory_bytes: float | None
    gpu: float | None
    gpu_memory_bytes: float | None


class CurveRecorder:
    """Records the readings of one worker."""

    def __init__(self, worker: str, start: datetime, max_points: int = MAX_POINTS) -> None:
        """`max_points` must be even."""
        self.interval_s = FIRST_INTERVAL_S
        self.origin, self.cpu_s = "", 0.0
        self._max_points = max_points
        self._points: list[Point] = []
        self._pending: list[WorkerReading] = []
        self._time_s = self._cpu_time_s = self._pending_time_s = 0.0
        self._read_s = self._distance_s = 0.0
        self._has_gap = False
        self._about = MachineCurve(worker, start)

    @property
    def worker(self) -> str:
        """The worker that is recorded."""
        return self._about.worker

    @property
    def start(self) -> datetime:
        """The time from which the curve counts."""
        return self._about.start

    @property
    def pause_s(self) -> float:
        """How long to wait until the next reading."""
        return min(self.interval_s, LONGEST_PAUSE_S)

    def add(self, time_s: float, reading: WorkerReading) -> bool:
        """Add a reading. Return whether there is a new point. A reading not later than the last point is left out."""
        self._note(reading)
        self._note_time(time_s)
        if self._cannot_follow(reading):
            self._follow(time_s, reading)
            return False
        self._pending.append(reading)
        self._pending_time_s = time_s
        if time_s - self._time_s < self.interval_s * 0.999:
            return False
        self._append(time_s, reading)
        return True

    def finish(self) -> bool:
        """End the curve with the readings since its last point. Return whether the curve has changed."""
        if self._pending and self._pending_time_s - self._time_s >= SHORTEST_POINT_S:
            self._append(self._pending_time_s, self._pending[-1])
            return True
        if not self._points and not self._about.missing:
            self.note_missing(TOO_SHORT)
            return True
        return False

    def note_missing(self, why: str) -> None:
        """Say why the curve, or a part of it, is missing. The first reason is kept."""
        if why and not self._about.missing:
            self._about = dataclasses.replace(self._about, missing=why)

    def curve(self) -> MachineCurve:
        """Return the curve so far."""
        points = self._points
        return dataclasses.replace(
            self._about,
            time_s=tuple(round(point.time_s, _DIGITS) for point in points),
            cpu=tuple(_rounded(point.cpu) for point in points),
            memory_bytes=tuple(_whole(point.memory_bytes) for point in points),
            gpu=tuple(_rounded(point.gpu) for point in points),
            gpu_memory_bytes=tuple(_whole(point.gpu_memory_bytes) for point in points),
        )

    def resume(self, curve: MachineCurve, interval_s: float, origin: str, cpu_s: float) -> None:
        """Continue a curve that an earlier service has recorded."""
        self.interval_s, self.origin, self.cpu_s = max(FIRST_INTERVAL_S, interval_s), origin, cpu_s
        self._about = dataclasses.replace(curve, time_s=(), cpu=(), memory_bytes=(), gpu=(), gpu_memory_bytes=())
        columns = zip(
            *(curve.time_s, (0.0, *curve.time_s), curve.cpu, curve.memory_bytes, curve.gpu, curve.gpu_memory_bytes),
            strict=False,
        )
        self._points = [Point(end, end - begin, *values) for end, begin, *values in columns][-self._max_points :]
        self._time_s = self._cpu_time_s = self._read_s = self._points[-1].time_s if self._points else 0.0

    def _note_time(self, time_s: float) -> None:
        """Note whether there was no reading for longer than usual: twice the pause, or the last distance."""
        distance_s, self._read_s = time_s - self._read_s, time_s
        self._has_gap |= distance_s > max(2 * self.pause_s, 2 * self._distance_s, LONGEST_GAP_S)
        self._distance_s = distance_s

    def _cannot_follow(self, reading: WorkerReading) -> bool:
        """Whether the seconds of CPU are counted from another time than those of the last reading."""
        return reading.cpu_s is not None and (reading.origin != self.origin or reading.cpu_s < self.cpu_s)

    def _follow(self, time_s: float, reading: WorkerReading) -> None:
        self.origin, self.cpu_s = reading.origin, reading.cpu_s or 0.0
        self._cpu_time_s = self._pending_time_s = time_s
        self._pending = [reading]

    def _append(self, time_s: float, last: WorkerReading) -> None:
        pending, self._pending = self._pending, []
        known, self._has_gap = [] if self._has_gap else pending, False
        self._points.append(
            Point(
                time_s,
                time_s - self._time_s,
                self._cpu_until(time_s, last, pending),
                mean([one.memory_bytes for one in known]),
                mean([one.gpu.busy for one in known]),
                mean([one.gpu.memory_bytes for one in known]),
            )
        )
        self._time_s = time_s
        if len(self._points) >= self._max_points:
            self._points = merged(self._points)
            self.interval_s *= 2

    def _cpu_until(self, time_s: float, last: WorkerReading, pending: Sequence[WorkerReading]) -> float | None:
        if last.cpu_s is None:
            return mean([one.cpu for one in pending])
        elapsed_s = time_s - self._cpu_time_s
        used_s = last.cpu_s - self.cpu_s
        self.cpu_s, self._cpu_time_s = last.cpu_s, time_s
        return used_s / elapsed_s if elapsed_s > 0 else None

    def _note(self, reading: WorkerReading) -> None:
        """Keep the highest values, the limits, and why something is missing."""
        about, gpu = self._about, reading.gpu
        self._about = dataclasses.replace(
            about,
            cpus=about.cpus if reading.cpus is None else reading.cpus,
            gpus=max(about.gpus, gpu.gpus),
            missing=about.missing or reading.missing or gpu.missing,
            memory_limit_bytes=reading.memory_limit_bytes or about.memory_limit_bytes,
            gpu_memory_limit_bytes=gpu.memory_limit_bytes or about.gpu_memory_limit_bytes,
            memory_peak_bytes=_highest(about.memory_peak_bytes, reading.memory_bytes),
            gpu_memory_peak_bytes=_highest(about.gpu_memory_peak_bytes, gpu.memory_bytes),
        )


def merged(points: Sequence[Point]) -> list[Point]:
    """Return half as many points: the weighted mean of each two neighbours. A last one without a neighbour is kept."""
    pairs = [_pair(one, other) for one, other in zip(points[::2], points[1::2], strict=False)]
    return pairs + list(points[len(pairs) * 2 :])


def _pair(one: Point, other: Point) -> Point:
    return Point(
        other.time_s,
        one.weight_s + other.weight_s,
        _weighted(one.cpu, one.weight_s, other.cpu, other.weight_s),
        _weighted(one.memory_bytes, one.weight_s, other.memory_bytes, other.weight_s),
        _weighted(one.gpu, one.weight_s, other.gpu, other.weight_s),
        _weighted(one.gpu_memory_bytes, one.weight_s, other.gpu_memory_bytes, other.weight_s),
    )


def _weighted(one: float | None, weight: float, other: float | None, other_weight: float) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return (one * weight + other * other_weight) / (weight + other_weight)


def _highest(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
