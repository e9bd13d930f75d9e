"""The state machine of a tuning job and its trials. Pure: functions from values to values; the caller passes `now`.

The states of a job are PENDING, RUNNING, then SUCCEEDED or FAILED; or CANCELLING, then CANCELLED. Those of a trial are
REQUESTED, ACTIVE, STOPPING if it is stopped early, then SUCCEEDED or INFEASIBLE. A trial whose process was lost, or was
ended by the stop of the service, returns to REQUESTED.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from hydra_vertex.job import (
    Algorithm,
    HyperparameterTuningJob,
    JobError,
    JobState,
    Measurement,
    ParameterValue,
    Trial,
    TrialState,
)
from hydra_vertex.service.resource_names import trial_custom_job
from hydra_vertex.service.space.grid import Grid
from hydra_vertex.service.space.search_space import space_of
from hydra_vertex.service.status import Status


def accept(job: HyperparameterTuningJob, name: str, now: datetime) -> HyperparameterTuningJob:
    """Return a created job in state PENDING. Values of output-only fields that the client has sent are dropped."""
    return replace(
        job,
        name=name,
        state=JobState.PENDING,
        stopping_reason="",
        trials=(),
        create_time=now,
        update_time=now,
        start_time=None,
        end_time=None,
        error=None,
    )


def begin(job: HyperparameterTuningJob, now: datetime) -> HyperparameterTuningJob:
    """Return a PENDING job in state RUNNING, and any other job unchanged."""
    if job.state is not JobState.PENDING:
        return job
    return replace(job, state=JobState.RUNNING, start_time=now, update_time=now)


def trial_budget(job: HyperparameterTuningJob) -> int:
    """Return the maximum number of trials: `max_trial_count`, and in a grid search not more than the grid's points."""
    if job.study_spec.algorithm is not Algorithm.GRID_SEARCH:
        return job.max_trial_count
    space = space_of(job.study_spec.parameters)
    return min(job.max_trial_count, Grid(space).size) if space.is_finite else job.max_trial_count


def live_trials(job: HyperparameterTuningJob) -> tuple[Trial, ...]:
    """Return the trials that have not ended."""
    return tuple(trial for trial in job.trials if not trial.state.is_terminal)


def room(job: HyperparameterTuningJob) -> int:
    """Return how many more trials may start now. Trials are not started in batches: each end allows one start."""
    if job.state is not JobState.RUNNING or job.stopping_reason or failure(job) is not None:
        return 0
    return max(0, min(job.parallel_trial_count - len(live_trials(job)), trial_budget(job) - len(job.trials)))


def request(job: HyperparameterTuningJob, parameters: Mapping[str, ParameterValue]) -> Trial:
    """Return the next trial of a job, in state REQUESTED. The job is unchanged."""
    number = str(len(job.trials) + 1)
    return Trial(
        id=number,
        name=f"{job.name}/trials/{number}",
        state=TrialState.REQUESTED,
        parameters=parameters,
        other={"customJob": trial_custom_job(job.name, number)},
    )


def put_trial(job: HyperparameterTuningJob, trial: Trial, now: datetime) -> HyperparameterTuningJob:
    """Return the job with `trial` added, or replacing the trial with the same id."""
    index = int(trial.id) - 1
    return replace(job, trials=(*job.trials[:index], trial, *job.trials[index + 1 :]), update_time=now)


def activate(trial: Trial, now: datetime) -> Trial:
    """Return the trial in state ACTIVE, started at `now`. Its measurements now count as those of earlier attempts."""
    return replace(trial, state=TrialState.ACTIVE, start_time=now, earlier_measurements=len(trial.measurements))


def postpone(trial: Trial) -> Trial:
    """Return the trial in state REQUESTED, to run again with the same id, parameters and measurements."""
    return replace(trial, state=TrialState.REQUESTED, start_time=None, earlier_measurements=len(trial.measurements))


def stop(trial: Trial, reason: str, predicted: Measurement | None = None) -> Trial:
    """Return the trial in state STOPPING, to be stopped early.

    Its final measurement will be `predicted`; when that is None, it is selected from what the trial has reported.
    """
    return replace(trial, state=TrialState.STOPPING, stopping_reason=reason, final_measurement=predicted)


def is_stopping(trial: Trial) -> bool:
    """Whether the trial is being stopped early."""
    return trial.state is TrialState.STOPPING


def end_stopped(trial: Trial, final: Measurement | None, now: datetime) -> Trial:
    """Return a trial that was stopped early in its terminal state.

    The final measurement is the prediction, which is also appended to the measurements, else `final`. Without either
    the trial is INFEASIBLE.
    """
    predicted = trial.final_measurement
    if predicted is not None:
        trial = replace(trial, measurements=(*trial.measurements, predicted))
    value = predicted or final
    if value is None:
        return fail(trial, f"stopped early without a value: {trial.stopping_reason}", now)
    return succeed(trial, value, now)


def end_unstopped(trial: Trial) -> Trial:
    """Return a trial whose command exited by itself: a requested early stop does not count."""
    return replace(trial, stopping_reason="", final_measurement=None)


def succeed(trial: Trial, final: Measurement, now: datetime) -> Trial:
    """Return the trial in state SUCCEEDED with its final measurement."""
    return replace(trial, state=TrialState.SUCCEEDED, final_measurement=final, end_time=now)


def fail(trial: Trial, reason: str, now: datetime) -> Trial:
    """Return the trial in state INFEASIBLE: it has no final measurement."""
    return replace(trial, state=TrialState.INFEASIBLE, infeasible_reason=reason, end_time=now)


def request_cancel(job: HyperparameterTuningJob, now: datetime) -> HyperparameterTuningJob:
    """Return the job in state CANCELLING: no trial starts, running ones must be ended. An ended job is unchanged."""
    if job.state.is_terminal:
        return job
    return replace(job, state=JobState.CANCELLING, update_time=now)


def stop_giving_trials(job: HyperparameterTuningJob, reason: str, now: datetime) -> HyperparameterTuningJob:
    """Return the job with the limit of the study that it has reached: from now on no trial starts."""
    return replace(job, stopping_reason=reason, update_time=now)


def is_cancelling(job: HyperparameterTuningJob) -> bool:
    """Whether the job is being cancelled."""
    return job.state is JobState.CANCELLING


def is_over(job: HyperparameterTuningJob) -> bool:
    """Whether all trials have ended and no further trial may start."""
    return not live_trials(job) and room(job) == 0


def failure(job: HyperparameterTuningJob) -> str | None:
    """Return why the job fails: too many infeasible trials (maxFailedTrialCount; 0 means all). None while it does not.

    A job whose trials are all infeasible has no best trial, and fails whatever its limit. Trials that were stopped
    early do not count as failed.
    """
    failed = [t for t in job.trials if t.state is TrialState.INFEASIBLE and not t.stopped_early]
    budget = trial_budget(job)
    limit = min(job.max_failed_trial_count or budget, budget)
    if len(failed) < limit:
        return None
    # Failed trials beyond the limit were ended because the job had failed.
    return f"{limit} of {len(job.trials)} trials failed; trial {failed[0].id} {failed[0].infeasible_reason}"


def finish(job: HyperparameterTuningJob, now: datetime) -> HyperparameterTuningJob:
    """Return a job without live trials in its terminal state."""
    reason = failure(job)
    if job.state is JobState.CANCELLING:
        canceled = JobError(Status.CANCELLED.rpc_code, "CANCELED")
        return replace(job, state=JobState.CANCELLED, error=canceled, end_time=now, update_time=now)
    if reason is not None:
        return abort(job, JobError(Status.FAILED_PRECONDITION.rpc_code, reason), now)
    return replace(job, state=JobState.SUCCEEDED, end_time=now, update_time=now)


def abort(job: HyperparameterTuningJob, error: JobError, now: datetime) -> HyperparameterTuningJob:
    """Return the job in state FAILED."""
    return replace(job, state=JobState.FAILED, error=error, end_time=now, update_time=now)
