"""Watches the spending limits of a running job. The spent amount is computed anew from each state of the job."""

from __future__ import annotations

from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.launcher.cost.limits import SpendingLimits
from hydra_vertex.launcher.cost.service_clock import ServiceClock


class SpendingWatch:
    """Finds out when a limit is reached, and marks the job that was ended for it. `url` is that of the service."""

    def __init__(self, limits: SpendingLimits, url: str) -> None:
        self._limits = limits
        self._clock = ServiceClock(url)
        self._earlier: tuple[HyperparameterTuningJob, ...] = ()
        self._reached = ""
        self.end = ""
        """The limit for which the job was ended; empty when it was not."""

    @property
    def has_limits(self) -> bool:
        """Whether there is a limit."""
        return bool(self._limits)

    def lift(self) -> bool:
        """Apply no limit from now on. Return whether there was one."""
        had_limits, self._limits = bool(self._limits), SpendingLimits()
        return had_limits

    def add_earlier(self, jobs: tuple[HyperparameterTuningJob, ...]) -> None:
        """Count what ended jobs of the same study have used."""
        self._earlier = (*self._earlier, *jobs)

    def newly_reached(self, job: HyperparameterTuningJob) -> str:
        """Return the limit that a job has reached which is not ending yet; empty for none."""
        if not self.has_limits or job.state.is_ending:
            return ""
        self._reached = self._limits.reached(job, self._clock.now(), self._earlier)
        return self._reached

    def marked(self, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """Return an ended job; with the limit as its `stopping_reason` when it was cancelled for one.

        The job may have been cancelled by an earlier start of the step.
        """
        if job.state is not JobState.CANCELLED or not self.has_limits:
            return job
        self.end = self._limits.ended(job, self._earlier) or self._reached
        return replace(job, stopping_reason=self.end) if self.end else job
