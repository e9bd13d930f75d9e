"""Samples the workers of one trial in a thread while it runs. Nothing here can fail or delay the trial.

A reading may hang: an engine that does not answer, a driver that blocks. So each is made in a daemon thread, which
does not hold up the end of the service, and as many as THREADS at once: further trials are then not read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .reading import WorkerReading
from .trial_curves import RETRY_S, TrialCurves

THREADS = 4
"""Not asyncio's own threads: an engine that does not answer would occupy those of the database."""
COST_SHARE = 0.01
"""The largest share of one core that measuring a trial takes: after a slow reading, the next one comes later."""
FINISH_LIMIT_S = 1.0
HANGS = "a reading of its machines did not end"
NOT_READ = "its machines were not read: the readings of other trials did not end"

logger = logging.getLogger(__name__)
_slots = threading.BoundedSemaphore(THREADS)


@dataclass(slots=True)
class _Start:
    """One start of the trial: its curves, when the next reading is due, and the thread of the last one."""

    curves: TrialCurves
    due_s: float = 0.0
    thread: threading.Thread | None = None
    refused_since_s: float | None = None

    @property
    def is_being_read(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    @property
    def missing(self) -> str:
        """Why the end of the curves is missing; empty when it is not."""
        if self.is_being_read:
            return HANGS
        if self.refused_since_s is None:
            return ""
        return NOT_READ if self.curves.is_empty or time.monotonic() - self.refused_since_s > RETRY_S else ""


class Sampler:
    """Samples one trial. `measure` is called in a thread, and blocks; it may raise anything."""

    def __init__(self, file: Path, trial_id: str, measure: Callable[[], Sequence[WorkerReading]]) -> None:
        self._file = file
        self._trial_id = trial_id
        self._measure = measure
        self._start = _Start(TrialCurves(file, trial_id, continues=True))

    def tick(self) -> None:
        """Take a sample, if one is due, the last one has been taken and a thread is free. Returns at once."""
        start = self._start
        if time.monotonic() < start.due_s or start.is_being_read:
            return
        if not _slots.acquire(blocking=False):
            start.refused_since_s = start.refused_since_s or time.monotonic()
            return
        start.refused_since_s = None
        thread = threading.Thread(target=self._sample, args=(start,), name="machines", daemon=True)
        try:
            thread.start()
            start.thread = thread
        except RuntimeError as error:  # the system has no more threads
            _slots.release()
            start.due_s = time.monotonic() + RETRY_S
            logger.info("%s: the use of its machines is not read: %s", self._file, error)

    def restart(self) -> None:
        """Begin new curves: the trial starts again."""
        self._start.curves.abandon()
        self._start = _Start(TrialCurves(self._file, self._trial_id, continues=False))

    def finish(self) -> None:
        """Write what has been recorded. Blocks for a limited time."""
        if self._start.thread is not None:
            self._start.thread.join(FINISH_LIMIT_S)
        self._start.curves.finish(self._start.missing)

    def _sample(self, start: _Start) -> None:
        began_s, began_cpu_s = time.monotonic(), time.thread_time()
        try:
            pause_s = start.curves.record(self._measure())
        except Exception as error:  # a trial must not fail because it is measured
            pause_s = start.curves.note(error)
        finally:
            _slots.release()
        start.due_s = began_s + max(pause_s, (time.thread_time() - began_cpu_s) / COST_SHARE)
