"""Reads the machines of a running study from Cloud Monitoring, seldom, and in a thread of its own.

Nothing here raises or waits for Cloud Monitoring: what cannot be read is one sentence beside the curves that are known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import DocumentError

from .cloud_history import CloudHistory, Step
from .cloud_series import series_of
from .cloud_session import session_of
from .study_machines import StudyMachines
from .time_series import MonitoringClient, NotReadableError

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

INTERVAL_S = 60.0
"""The shortest time between two rounds of queries: Cloud Monitoring has one point a minute."""
LONGEST_INTERVAL_S = 960.0
"""The interval doubles with each round that fails, up to this one."""
ROUND_LIMIT_S = 60.0
"""The time that all requests of a round have together; the next round goes on where it ended."""
SILENCE_LIMIT_S = 90.0
"""After this time the page says that a round takes long: a server that sends a byte now and then keeps to no limit."""
NOT_YET = "Cloud Monitoring has not answered yet"
NO_POINTS = (
    "Cloud Monitoring has no points of the trials so far: they appear some minutes late, and trials of less than a "
    "minute have none"
)


class CloudPoll:
    """The machines of one study on Vertex AI. `machines` may be called as often as a page is drawn."""

    def __init__(self, project: str, environ: Mapping[str, str], interval_s: float = INTERVAL_S) -> None:
        self._environ = environ
        self._interval_s = interval_s
        self._history = CloudHistory(project)
        self._known = StudyMachines(missing=NOT_YET)
        self._session: tuple[AuthorizedSession, str] | None = None
        self._thread: threading.Thread | None = None
        self._began_at = float("-inf")
        self._failures = 0
        self._strangers = 0
        self._closed = threading.Event()

    def machines(self, job: HyperparameterTuningJob) -> StudyMachines:
        """Return what is known at once, and begin the next round of queries when it is due and there is one."""
        since_s = time.monotonic() - self._began_at
        if self._thread is not None and self._thread.is_alive():
            silent = f"Cloud Monitoring does not answer within {SILENCE_LIMIT_S:.0f} s"
            return self._known if since_s < SILENCE_LIMIT_S else replace(self._known, missing=silent)
        wait_s = min(LONGEST_INTERVAL_S, self._interval_s * 2 ** min(self._failures, 10))
        if since_s >= wait_s and not self._closed.is_set() and any(trial.start_time for trial in job.trials):
            self._began_at = time.monotonic()
            self._thread = threading.Thread(target=self._round, args=(job,), name="machines", daemon=True)
            self._thread.start()
        return self._known

    def close(self) -> None:
        """Begin no further round, and end the waits of one that runs."""
        self._closed.set()

    def _round(self, job: HyperparameterTuningJob) -> None:
        try:
            problem = self._problem_of_reading(job)
            use = self._history.curves(job)
        except Exception as error:
            # The page of a study must not end for its curves of machines.
            problem = f"Cloud Monitoring cannot be read ({type(error).__name__}: {excerpt(error, 300)})"
            use = self._known.use
        self._failures = self._failures + 1 if problem else 0
        self._known = StudyMachines(use, problem or ("" if use else self._nothing()))

    def _problem_of_reading(self, job: HyperparameterTuningJob) -> str:
        """Read what is new. Return why it was not all read; empty when it was."""
        try:
            self._read(job)
        except NotReadableError as error:
            return str(error)
        except DocumentError as error:
            return f"Cloud Monitoring answers a time series that is none: {error}"
        return ""

    def _read(self, job: HyperparameterTuningJob) -> None:
        """Ask for the points that are new. Raises NotReadableError, DocumentError."""
        steps = list(self._history.steps(job, datetime.now(timezone.utc)))
        if not steps:
            return
        self._session = self._session or session_of(self._environ)
        client = MonitoringClient(*self._session, limit_s=ROUND_LIMIT_S, pause=self._pause)
        for step in steps:
            self._read_step(job, client, step)

    def _read_step(self, job: HyperparameterTuningJob, client: MonitoringClient, step: Step) -> None:
        for asked in step.queries:
            for answer in client.series(asked.query):
                series = series_of(job, answer)
                if series is None:
                    self._strangers += 1
                else:
                    self._history.add(step, series, asked.period_s)
        self._history.finish(step)

    def _nothing(self) -> str:
        if self._strangers:
            return "Cloud Monitoring has time series of this job, and none of them names a trial"
        return NO_POINTS

    def _pause(self, wait_s: float) -> None:
        if self._closed.wait(wait_s):
            raise NotReadableError("the page has ended")
