"""The simulated clock: trials on parallel workers, one event after another, without waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Protocol


class ClockedTrial(Protocol):
    """A trial that runs on the simulated clock.

    `next_s` is the time of its next event: a measurement, or its end. Of events at the same time, that of the lower
    `number` comes first.
    """

    @property
    def number(self) -> int:
        """The position of the trial in the order of the starts."""

    @property
    def next_s(self) -> float:
        """The time of the next event in seconds on the clock."""

    def advance(self, now_s: float, /) -> bool:
        """Make the event that is due at `now_s`. Returns False if the trial ends with it."""


Start = Callable[[float], ClockedTrial | None]
"""Starts the next trial at a time on the clock; returns None when there are no more trials."""


def run_clock(start: Start, workers: int, *, in_batches: bool = False) -> float:
    """Run trials until none is left, and return the time at which the last one ended.

    A free worker gets the next trial at once. With `in_batches` all trials of a batch end before the next batch starts.
    """
    running: list[tuple[float, int, ClockedTrial]] = []
    now_s = 0.0
    while True:
        if not in_batches or not running:
            for trial in _started(start, now_s, workers - len(running)):
                heapq.heappush(running, (trial.next_s, trial.number, trial))
        if not running:
            return now_s
        now_s, number, trial = heapq.heappop(running)
        if trial.advance(now_s):
            heapq.heappush(running, (trial.next_s, number, trial))


def _started(start: Start, now_s: float, free: int) -> list[ClockedTrial]:
    """Return the trials that start now, at most one for each free worker."""
    found: list[ClockedTrial] = []
    while len(found) < free and (trial := start(now_s)) is not None:
        found.append(trial)
    return found


def makespan_s(durations_s: Iterable[float], workers: int) -> float:
    """Return the time at which the last of the trials ends, if each worker takes the next one without delay."""
    durations = list(durations_s)
    end_times = [0.0] * max(1, min(workers, len(durations)))
    for duration_s in durations:
        heapq.heapreplace(end_times, end_times[0] + duration_s)
    return max(end_times)
