"""The curves of one start of a trial while it is sampled: recorded from its readings, and written now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from hydra_vertex.protocol.errors import ServiceError
from hydra_vertex.service.system.clock import now

from .curve_file import read_recorders, write_curves
from .curve_recorder import FIRST_INTERVAL_S, CurveRecorder
from .reading import CHIEF, NotMeasuredError, WorkerReading

WRITE_INTERVAL_S = 5.0
LOCK_LIMIT_S = 1.0
FAILURES_NAMED = 3
"""An engine that does not answer so often in turn is named in the curve."""
RETRY_S = 30.0
"""The pause after a reading that failed."""

logger = logging.getLogger(__name__)


class TrialCurves:
    """Records and writes curves, also while another thread finishes them; after that, nothing more is recorded."""

    def __init__(self, file: Path, trial_id: str, *, continues: bool) -> None:
        """With `continues`, the curves in the file are continued; else new ones replace them."""
        self._file = file
        self._trial_id = trial_id
        self._recorders: dict[str, CurveRecorder] | None = None if continues else {}
        self._lock = threading.Lock()
        self._is_over = self._is_changed = False
        self._write_at_s = 0.0
        self._failures = 0

    def record(self, readings: Sequence[WorkerReading]) -> float:
        """Record readings. Return the pause until the next ones. May raise anything that a wrong reading causes."""
        pause_s = FIRST_INTERVAL_S
        with self._lock:
            self._failures = 0
            for reading in () if self._is_over else readings:
                recorder = self._recorder(reading.worker)
                time_s = (now() - recorder.start).total_seconds()
                self._is_changed |= recorder.add(time_s, reading)
                pause_s = recorder.pause_s
            self._write_if_due()
        return pause_s

    def note(self, error: Exception) -> float:
        """Record that a reading failed. Return the pause until the next one."""
        known = isinstance(error, (NotMeasuredError, ServiceError))
        with self._lock:
            self._failures += 1
            # An engine that does not answer now is a gap in the curve, no reason to name.
            if not self._is_over and (not isinstance(error, ServiceError) or self._failures >= FAILURES_NAMED):
                self._note(str(error) if known else f"{type(error).__name__}: {error}")
                self._write_if_due()
        return RETRY_S

    def finish(self, missing: str = "") -> None:
        """Write what has been recorded, and why the end of it is missing. Blocks for a limited time."""
        if not self._lock.acquire(timeout=LOCK_LIMIT_S):
            self._is_over = True
            logger.info("%s: is still being written by another thread", self._file)
            return
        try:
            self._is_over = True
            if missing:
                self._note(missing)
            for recorder in (self._recorders or {}).values():
                self._is_changed |= recorder.finish()
            if self._is_changed:
                self._write()
        finally:
            self._lock.release()

    def abandon(self) -> None:
        """Record nothing more: the trial starts again."""
        self._is_over = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been recorded yet."""
        return not self._recorders

    def _note(self, why: str) -> None:
        if not self._known():
            self._recorder(CHIEF)
        for recorder in self._known().values():
            recorder.note_missing(why)
        self._is_changed = True

    def _recorder(self, worker: str) -> CurveRecorder:
        return self._known().setdefault(worker, CurveRecorder(worker, now()))

    def _known(self) -> dict[str, CurveRecorder]:
        if self._recorders is None:
            self._recorders = {one.worker: one for one in read_recorders(self._file, self._trial_id)}
        return self._recorders

    def _write_if_due(self) -> None:
        if self._is_changed and not self._is_over and time.monotonic() >= self._write_at_s:
            self._write()
            self._write_at_s = time.monotonic() + WRITE_INTERVAL_S

    def _write(self) -> None:
        try:
            write_curves(self._file, self._trial_id, list((self._recorders or {}).values()))
            self._is_changed = False
        except (OSError, ValueError) as error:
            logger.info("%s: the use of its machines is not written: %s", self._file, error)
