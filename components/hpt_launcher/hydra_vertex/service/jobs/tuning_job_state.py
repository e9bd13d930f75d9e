"""The state machine of a job and its trials. Pure: values in, values out; `now` is always given.

A job goes PENDING, RUNNING, then SUCCEEDED or FAILED, or by way of CANCELLING to CANCELLED. A trial goes REQUESTED,
ACTIVE, then SUCCEEDED or INFEASIBLE, by way of STOPPING when it is stopped early; one whose process was lost or put off
goes back to REQUESTED.
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
    """A created job: PENDING, and without whatever a client filled into the service's own fields."""
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
    """PENDING becomes RUNNING; any other state stays."""
    if job.state is not JobState.PENDING:
        return job
    return replace(job, state=JobState.RUNNING, start_time=now, update_time=now)


def trial_budget(job: HyperparameterTuningJob) -> int:
    """How many trials there will be: as many as asked for, or as the grid has points."""
    if job.study_spec.algorithm is not Algorithm.GRID_SEARCH:
        return job.max_trial_count
    space = space_of(job.study_spec.parameters)
    return min(job.max_trial_count, Grid(space).size) if space.is_finite else job.max_trial_count


def live_trials(job: HyperparameterTuningJob) -> tuple[Trial, ...]:
    """The trials that have not ended."""
    return tuple(trial for trial in job.trials if not trial.state.is_terminal)


def room(job: HyperparameterTuningJob) -> int:
    """How many more trials may start now: each end makes room for one, nothing waits for a batch."""
    if job.state is not JobState.RUNNING or job.stopping_reason or failure(job) is not None:
        return 0
    return min(job.parallel_trial_count - len(live_trials(job)), trial_budget(job) - len(job.trials))


def request(job: HyperparameterTuningJob, parameters: Mapping[str, ParameterValue]) -> Trial:
    """The next trial of a job, REQUESTED."""
    number = str(len(job.trials) + 1)
    return Trial(
        id=number,
        name=f"{job.name}/trials/{number}",
        state=TrialState.REQUESTED,
        parameters=parameters,
        other={"customJob": trial_custom_job(job.name, number)},
    )


def put_trial(job: HyperparameterTuningJob, trial: Trial, now: datetime) -> HyperparameterTuningJob:
    """The job with a trial added, or in the place of its earlier self."""
    index = int(trial.id) - 1
    return replace(job, trials=(*job.trials[:index], trial, *job.trials[index + 1 :]), update_time=now)


def activate(trial: Trial, now: datetime) -> Trial:
    """The trial runs, from the beginning. What an earlier attempt has reported is kept as such (`recording`)."""
    return replace(trial, state=TrialState.ACTIVE, start_time=now, earlier_measurements=len(trial.measurements))


def postpone(trial: Trial) -> Trial:
    """The trial is to run again, with the same id and parameters."""
    return replace(trial, state=TrialState.REQUESTED, start_time=None, earlier_measurements=len(trial.measurements))


def stop(trial: Trial, reason: str, predicted: Measurement | None = None) -> Trial:
    """The trial is to be stopped early. It will be judged by what it has reported by then, or by `predicted`."""
    return replace(trial, state=TrialState.STOPPING, stopping_reason=reason, final_measurement=predicted)


def is_stopping(trial: Trial) -> bool:
    """Whether the trial is being stopped early."""
    return trial.state is TrialState.STOPPING


def end_stopped(trial: Trial, final: Measurement | None, now: datetime) -> Trial:
    """The trial was stopped early. A prediction stands behind what was measured; without any value it is INFEASIBLE."""
    predicted = trial.final_measurement
    if predicted is not None:
        trial = replace(trial, measurements=(*trial.measurements, predicted))
    value = predicted or final
    if value is None:
        return fail(trial, f"stopped early without a value: {trial.stopping_reason}", now)
    return succeed(trial, value, now)


def end_unstopped(trial: Trial) -> Trial:
    """The trial came to its own end, whether or not it was being stopped."""
    return replace(trial, stopping_reason="", final_measurement=None)


def succeed(trial: Trial, final: Measurement, now: datetime) -> Trial:
    """The trial ended well, with a value."""
    return replace(trial, state=TrialState.SUCCEEDED, final_measurement=final, end_time=now)


def fail(trial: Trial, reason: str, now: datetime) -> Trial:
    """The trial has no value to be judged by."""
    return replace(trial, state=TrialState.INFEASIBLE, infeasible_reason=reason, end_time=now)


def request_cancel(job: HyperparameterTuningJob, now: datetime) -> HyperparameterTuningJob:
    """No trial starts any more, and those that run are to be ended. A job that has ended meanwhile stays as it is."""
    if job.state.is_terminal:
        return job
    return replace(job, state=JobState.CANCELLING, update_time=now)


def stop_giving_trials(job: HyperparameterTuningJob, reason: str, now: datetime) -> HyperparameterTuningJob:
    """A limit of the study is reached: no trial starts any more, for good."""
    return replace(job, stopping_reason=reason, update_time=now)


def is_cancelling(job: HyperparameterTuningJob) -> bool:
    """Whether the job is being cancelled."""
    return job.state is JobState.CANCELLING


def is_over(job: HyperparameterTuningJob) -> bool:
    """Whether no trial is live and none is to come."""
    return not live_trials(job) and room(job) == 0


def failure(job: HyperparameterTuningJob) -> str | None:
    """Why the job fails: too many infeasible trials (maxFailedTrialCount; 0 means all of them). None while it does not.

    A job whose every trial is infeasible has nothing to select, and fails whatever its limit.
    """
    failed = [t for t in job.trials if t.state is TrialState.INFEASIBLE and not t.stopped_early]
    budget = trial_budget(job)
    limit = min(job.max_failed_trial_count or budget, budget)
    if len(failed) < limit:
        return None
    # Those beyond the limit are the ones that were ended because the job failed.
    return f"{limit} of {len(job.trials)} trials failed; trial {failed[0].id} {failed[0].infeasible_reason}"


def finish(job: HyperparameterTuningJob, now: datetime) -> HyperparameterTuningJob:
    """The state in which a job without live trials ends."""
    reason = failure(job)
    if job.state is JobState.CANCELLING:
        canceled = JobError(Status.CANCELLED.rpc_code, "CANCELED")
        return replace(job, state=JobState.CANCELLED, error=canceled, end_time=now, update_time=now)
    if reason is not None:
        return abort(job, JobError(Status.FAILED_PRECONDITION.rpc_code, reason), now)
    return replace(job, state=JobState.SUCCEEDED, end_time=now, update_time=now)


def abort(job: HyperparameterTuningJob, error: JobError, now: datetime) -> HyperparameterTuningJob:
    """The job FAILED."""
    return replace(job, state=JobState.FAILED, error=error, end_time=now, update_time=now)
