"""Which trials were stopped early, and why: what Google's API says in another resource than the job.

A trial that was stopped is SUCCEEDED like any other; that it did not end by itself is the state of its CustomJob.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState


class StoppedTrials:
    """Asks once about each trial that has ended.

    `why` has the reason by the name of a CustomJob: empty for none, None when that cannot be known now.
    """

    def __init__(self, why: Callable[[str], str | None]) -> None:
        self._why = why
        self._known: dict[str, str] = {}

    def explained(self, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """The job with the `stopping_reason` of every trial that has one; unchanged where no rule stops trials."""
        if not stops_trials(job):
            return job
        self._ask(job.trials)
        return replace(job, trials=tuple(self._explained(trial) for trial in job.trials))

    def _ask(self, trials: Sequence[Trial]) -> None:
        for name in (trial.custom_job for trial in trials if _is_in_question(trial)):
            if name in self._known:
                continue
            reason = self._why(name)
            if reason is None:
                return  # the others can wait for the next look as well
            self._known[name] = reason

    def _explained(self, trial: Trial) -> Trial:
        reason = self._known.get(trial.custom_job, "")
        return replace(trial, stopping_reason=reason) if reason and _is_in_question(trial) else trial


def _is_in_question(trial: Trial) -> bool:
    return trial.state is TrialState.SUCCEEDED and bool(trial.custom_job) and not trial.stopping_reason


def stops_trials(job: HyperparameterTuningJob) -> bool:
    """Whether a trial of this job may end before its time and still count."""
    spec = job.study_spec
    limits = spec.study_stopping
    return spec.automated_stopping is not None or (limits is not None and bool(limits.should_stop_asap))
