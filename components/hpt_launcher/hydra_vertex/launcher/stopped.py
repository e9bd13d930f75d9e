"""Which trials were stopped early, and why: what Google's API says in another resource than the job.

A trial that was stopped is SUCCEEDED like any other; that it did not end by itself is the state of its CustomJob.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .job import HyperparameterTuningJob, Trial, TrialState


class StoppedTrials:
    """Asks once about each trial that has ended. `why` has the reason by the name of a CustomJob, empty for none."""

    def __init__(self, why: Callable[[str], str]) -> None:
        self._why = why
        self._known: dict[str, str] = {}

    def explained(self, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """The job with the `stopping_reason` of every trial that has one; unchanged where no rule stops trials."""
        if not stops_trials(job):
            return job
        return replace(job, trials=tuple(self._explained(trial) for trial in job.trials))

    def _explained(self, trial: Trial) -> Trial:
        if trial.state is not TrialState.SUCCEEDED or trial.stopping_reason or not trial.custom_job:
            return trial
        if trial.custom_job not in self._known:
            self._known[trial.custom_job] = self._why(trial.custom_job)
        return replace(trial, stopping_reason=self._known[trial.custom_job])


def stops_trials(job: HyperparameterTuningJob) -> bool:
    """Whether a trial of this job may end before its time and still count."""
    spec = job.study_spec
    limits = spec.study_stopping
    return spec.automated_stopping is not None or (limits is not None and bool(limits.should_stop_asap))
