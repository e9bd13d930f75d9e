"""Samples the workers of one trial in a thread while it runs. Nothing here can fail or delay the trial."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from hydra_vertex.protocol.errors import ServiceError
from hydra_vertex.service.system.clock import now

from .curve_file import read_recorders, write_curves
from .curve_recorder import FIRST_INTERVAL_S, CurveRecorder
from .reading import CHIEF, NotMeasuredError, WorkerReading

THREADS = 4
"""Not asyncio's own threads: an engine that does not answer would occupy those of the database."""
WRITE_INTERVAL_S = 5.0
COST_SHARE = 0.01
"""The largest share of one core that measuring a trial takes: after a slow reading, the next one comes later."""
FINISH_LIMIT_S = 1.0
FAILURES_NAMED = 3
"""An engine that does not answer so often in turn is named in the curve."""
RETRY_S = 30.0
"""The pause after a reading that failed."""

logger = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="machines")


class Sampler:
    """Samples one trial. `measure` is called in a thread, and blocks; it may raise anything."""

    def __init__(self, file: Path, trial_id: str, measure: Callable[[], Sequence[WorkerReading]]) -> None:
        self._file = file
        self._trial_id = trial_id
        self._measure = measure
        self._recorders: dict[str, CurveRecorder] | None = None
        self._running: Future[None] | None = None
        self._due_s = self._write_at_s = 0.0
        self._is_changed = False
        self._failures = 0

    def tick(self) -> None:
        """Take a sample, if one is due and the last one has been taken. Returns at once."""
        if time.monotonic() >= self._due_s and (self._running is None or self._running.done()):
            self._running = _threads.submit(self._sample)

    def restart(self) -> None:
        """Begin new curves: the trial starts again."""
        self._recorders, self._due_s = {}, 0.0

    def finish(self) -> None:
        """Write what has been recorded. Blocks."""
        if self._running is not None:
            wait([self._running], FINISH_LIMIT_S)
        for recorder in (self._recorders or {}).values():
            self._is_changed |= recorder.finish()
        if self._is_changed:
            self._write()

    def _sample(self) -> None:
        began_s, began_cpu_s = time.monotonic(), time.thread_time()
        try:
            if self._recorders is None:
                self._recorders = {one.worker: one for one in read_recorders(self._file, self._trial_id)}
            pause_s = self._record(self._measure())
        except Exception as error:  # a trial must not fail because it is measured
            pause_s = self._note(error)
        if self._is_changed and began_s >= self._write_at_s:
            self._write()
            self._write_at_s = began_s + WRITE_INTERVAL_S
        self._due_s = began_s + max(pause_s, (time.thread_time() - began_cpu_s) / COST_SHARE)

    def _record(self, readings: Sequence[WorkerReading]) -> float:
        """Record readings. Return the pause until the next ones."""
        pause_s = FIRST_INTERVAL_S
        self._failures = 0
        for reading in readings:
            recorder = self._recorder(reading.worker)
            time_s = (now() - recorder.start).total_seconds()
            self._is_changed |= recorder.add(time_s, reading)
            pause_s = recorder.pause_s
        return pause_s

    def _note(self, error: Exception) -> float:
        known = isinstance(error, (NotMeasuredError, ServiceError))
        why = str(error) if known else f"{type(error).__name__}: {error}"
        self._failures += 1
        if isinstance(error, ServiceError) and self._failures < FAILURES_NAMED:
            return RETRY_S  # an engine that does not answer now: a gap in the curve, no reason to name
        recorders = self._recorders or {CHIEF: self._recorder(CHIEF)}
        for recorder in recorders.values():
            recorder.note_missing(why)
        self._is_changed = True
        return RETRY_S

    def _recorder(self, worker: str) -> CurveRecorder:
        if self._recorders is None:
            self._recorders = {}
        return self._recorders.setdefault(worker, CurveRecorder(worker, now()))

    def _write(self) -> None:
        try:
            write_curves(self._file, self._trial_id, list((self._recorders or {}).values()))
            self._is_changed = False
        except (OSError, ValueError) as error:
            logger.info("%s: the use of its machines is not written: %s", self._file, error)
