"""Creates exactly one job for a run, although the answer to a request may be lost: the run's id is a label of the job.

A job that an unanswered request has left behind is found by its label, and followed. A network may deliver a request
twice, or late: further jobs with the label are cancelled.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.protocol.errors import ServiceUnreachableError

from .client import JobService
from .retry import RetryLimits, repeat

RUN_LABEL = "hydra_vertex_run"
_LONGEST = 63
"""Maximum length of a label's value. Source: https://cloud.google.com/resource-manager/docs/labels-overview."""
_NO_TIME = datetime.max.replace(tzinfo=timezone.utc)


def run_label(text: str) -> str:
    """Return an id in the form of a label's value: lowercase letters, digits and dashes, at most 63 characters."""
    value = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")
    if len(value) <= _LONGEST and value == text:
        return value
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{digest}-{value[-(_LONGEST - 17) :].strip('-')}"


class OneJob:
    """The job of one run. `parent` is `projects/P/locations/L`, `run` the value of the job's label.

    `labels` are further labels of the job, for a run that has several jobs one after another.
    `pause` waits some seconds. It and the service may raise, to end the attempts.
    """

    def __init__(
        self,
        service: JobService,
        parent: str,
        run: str,
        limits: RetryLimits,
        pause: Callable[[float], None],
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._service = service
        self._parent = parent
        self._labels = {RUN_LABEL: run, **(labels or {})}
        self._limits = limits
        self._pause = pause
        self._late_until_s = 0.0

    def create(self, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """Return the run's job: the one that exists, also from an earlier start of the step, else a new one.

        Raises ServiceError when the service refuses the job, or gives no answer within the limit. `pause` is called
        before a job is created, and may prevent that.
        """
        labelled = replace(job, labels={**job.labels, **self._labels})

        def attempt() -> HyperparameterTuningJob:
            found = self._found()
            if not found:
                self._pause(0.0)
                return self._created(labelled)
            self._expect_late_request()  # An earlier start of the step may have sent more than one.
            return found[0]

        return repeat(attempt, lambda e: isinstance(e, ServiceUnreachableError), self._limits, lambda: self._pause(0.0))

    def exists(self) -> bool:
        """Whether the run has a job, ended or not."""
        return bool(self._found())

    def _created(self, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        try:
            return self._service.create(self._parent, job)
        except ServiceUnreachableError:
            self._expect_late_request()
            raise

    def cancel_others(self, kept: str) -> None:
        """Cancel the run's jobs other than `kept`, which a repeated delivery of a request has created."""
        for job in self._found():
            if job.name != kept and not job.state.is_ending:
                self._service.cancel(job.name)

    def cancel_late_ones(self, kept: str) -> None:
        """Wait for a request that may still reach the service, and cancel the jobs other than `kept`."""
        if self._expected_s() > 0:
            self._pause(self._expected_s())
            self.cancel_others(kept)

    def cancel(self, known: str = "") -> Mapping[str, JobState]:
        """Cancel every job of the run that has not ended, also one whose request arrives late.

        `known` is a job of the run that need not have its label, such as one of an earlier version; empty for none.
        Returns the state that each job of the run had. Raises ServiceError when the service gives no answer.
        """
        states: dict[str, JobState] = {}
        if known:
            states[known] = self._service.get(known).state
            if not states[known].is_ending:
                self._service.cancel(known)
        while True:
            is_last = self._expected_s() <= 0
            for job in self._found():
                is_done = job.name == known or job.state.is_ending
                states.setdefault(job.name, job.state)
                if not is_done:
                    self._service.cancel(job.name)
            if is_last:
                return states
            self._pause(min(max(self._expected_s(), 0.0), self._limits.late_s / 4))

    def _expect_late_request(self) -> None:
        self._late_until_s = time.monotonic() + self._limits.late_s

    def _expected_s(self) -> float:
        """Return for how many seconds an earlier request may still reach the service; 0 or less: it cannot."""
        return self._late_until_s - time.monotonic()

    def names(self) -> list[str]:
        """Return the names of the run's jobs, the oldest first. Raises ServiceError when there is no answer."""
        return [job.name for job in self._found()]

    def _found(self) -> list[HyperparameterTuningJob]:
        """Return the run's jobs, the oldest first."""
        terms = [f'labels.{name}="{value}"' for name, value in self._labels.items()]
        jobs = self._service.list(self._parent, " AND ".join(terms))
        return sorted(jobs, key=lambda job: (job.create_time or _NO_TIME, job.name))
