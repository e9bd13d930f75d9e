"""A job that a command polls itself, such as one on Vertex AI, as the source of a page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.machines.cloud_poll import CloudPoll
from hydra_vertex.launcher.machines.cloud_session import project_of
from hydra_vertex.launcher.study.cancel_job import request_cancellation
from hydra_vertex.launcher.study.client import JobService
from hydra_vertex.launcher.study.ending import console_page, log_query
from hydra_vertex.protocol.errors import ServiceError

from .feed import Abilities, Reading

LONGEST_SILENCE_S, MISSED_POLLS = 60.0, 3
"""The page says that it is not up to date after this time without an answer, and after so many polls."""


class WatchedFeed:
    """The job that `update` was given last, with the curves of its machines from Cloud Monitoring.

    The page makes no other requests of its own, except those of its button. `service` returns a client for the page's
    own thread. `poll_interval_s` is the time between two calls of `update` while the service answers.
    """

    def __init__(self, name: str, service: Callable[[], JobService], poll_interval_s: float = 0.0) -> None:
        places = "; ".join(places_of_name(name))
        self.abilities = Abilities(
            stops_trials=False,
            has_logs=False,
            without_stop="Vertex AI has no method that stops one trial of a tuning job; the study can be stopped.",
            without_log=f"The logs of the trials are in Google Cloud: {places}" if places else "",
        )
        self._name = name
        self._service = service
        self._reading = Reading()
        self._silence_s = max(LONGEST_SILENCE_S, MISSED_POLLS * poll_interval_s)
        self._updated_s = time.monotonic()
        self._updated_at = datetime.now(timezone.utc)
        project = project_of(name)
        self._machines = CloudPoll(project, os.environ) if project else None

    def update(self, job: HyperparameterTuningJob) -> None:
        """Take the newest state."""
        self._updated_s, self._updated_at = time.monotonic(), datetime.now(timezone.utc)
        self._reading = Reading(job)

    def read(self) -> Reading:
        """Return the newest state. Cloud Monitoring is asked now and then, in another thread."""
        reading = replace(self._reading, problem=self._problem())
        if self._machines is None or reading.job is None:
            return reading
        return replace(reading, machines=self._machines.machines(reading.job))

    def _problem(self) -> str:
        """Say since when nothing is known of a job that may go on. The text stays the same while nothing changes."""
        job = self._reading.job
        is_over = job is not None and job.state.is_terminal
        if is_over or time.monotonic() - self._updated_s <= self._silence_s:
            return ""
        return f"the service has not answered since {self._updated_at:%H:%M:%S} UTC; the command asks again"

    def close(self) -> None:
        """Ask Cloud Monitoring no more."""
        if self._machines is not None:
            self._machines.close()

    def log(self, trial_id: str) -> str:
        """Raise ServiceError: the service has no method for logs."""
        raise ServiceError(f"trial {trial_id}: {self.abilities.without_log or 'this service has no logs of trials'}")

    def stop_trial(self, trial_id: str, shown: str) -> str:  # noqa: ARG002 - prescribed by Feed
        """Raise ServiceError: the service has no method that stops one trial."""
        raise ServiceError(f"trial {trial_id}: {self.abilities.without_stop}")

    def stop_study(self, shown: str) -> str:  # noqa: ARG002 - there is only one
        """Cancel the job."""
        return f"{request_cancellation(self._service(), self._name).sentence()}."


def places_of_name(name: str) -> tuple[str, ...]:
    """Return where Google Cloud shows a job and its logs; empty for a name that is not a tuning job's."""
    return (console_page(name), log_query(name)) if console_page(name) else ()
