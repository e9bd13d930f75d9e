"""Finds out which trials were stopped early, and why, from the trials' CustomJobs.

In Google's API a trial that was stopped early is SUCCEEDED like any other; only its CustomJob is CANCELLED.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState


class StopReasons:
    """Adds the reasons of early stops to a job's trials. The CustomJob of each ended trial is read once.

    `read_reason` returns the reason by the CustomJob's name: empty for none, None when it cannot be read now.
    `users_stop_trials`: the service has a method by which users stop single trials, also without a stopping rule.
    """

    def __init__(self, read_reason: Callable[[str], str | None], *, users_stop_trials: bool = False) -> None:
        self._read_reason = read_reason
        self._users_stop_trials = users_stop_trials
        self._known: dict[str, str] = {}

    def added_to(self, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """Return the job with each known `stopping_reason`; unchanged where nothing stops trials."""
        if not self._users_stop_trials and not stops_trials(job):
            return job
        self._read(job.trials)
        return replace(job, trials=tuple(self._with_reason(trial) for trial in job.trials))

    def _read(self, trials: Sequence[Trial]) -> None:
        for name in (trial.custom_job for trial in trials if _may_be_stopped(trial)):
            if name in self._known:
                continue
            reason = self._read_reason(name)
            if reason is None:
                return  # the other reasons are read at the next poll
            self._known[name] = reason

    def _with_reason(self, trial: Trial) -> Trial:
        reason = self._known.get(trial.custom_job, "")
        return replace(trial, stopping_reason=reason) if reason and _may_be_stopped(trial) else trial


def _may_be_stopped(trial: Trial) -> bool:
    return trial.state is TrialState.SUCCEEDED and bool(trial.custom_job) and not trial.stopping_reason


def stops_trials(job: HyperparameterTuningJob) -> bool:
    """Whether a trial of this job may be stopped early and still have a result."""
    spec = job.study_spec
    limits = spec.study_stopping
    return spec.automated_stopping is not None or (limits is not None and bool(limits.should_stop_asap))
