"""A study as a record that can be replayed: its ended trials in order, and the times of their measurements. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from hydra_vertex.job import (
    Algorithm,
    AutomatedStopping,
    ConvexStopping,
    Goal,
    HyperparameterTuningJob,
    Measurement,
    MetricSpec,
    StudySpec,
    Trial,
    TrialState,
)
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.optimizer import startup_trials

from .clock import makespan_s
from .endings import selected

MAX_NAMED = 5
"""A message names at most this many trials."""


@dataclass(frozen=True, slots=True)
class TimedMeasurement:
    """A measurement of the objective, and the seconds from the start of its trial to it."""

    at_s: float
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class RecordedTrial:
    """An ended trial of a record.

    `trial` has only the measurements of earlier attempts, `reports` are those of the last one. `value` is the objective
    by which the trial can be the best, None without one; `final` is its final measurement as the rules see it, also for
    a trial that Optuna has pruned. `is_cut`: a rule or a pruner stopped it, so that its curve ends there.
    """

    trial: Trial
    reports: tuple[TimedMeasurement, ...]
    duration_s: float
    value: float | None
    final: Measurement | None
    is_cut: bool

    @property
    def whole(self) -> Trial:
        """The trial with all of its measurements."""
        own = (report.measurement for report in self.reports)
        return replace(self.trial, measurements=(*self.trial.measurements, *own))


@dataclass(frozen=True, slots=True)
class RecordedStudy:
    """The ended trials of a study in the order in which it asked for them, and how it ran them.

    `wall_s` is the time from the first start to the last end. The first `startup` trials did not depend on earlier
    ones; a search without a model has none. `notices` are sentences about what the record lacks.
    """

    name: str
    spec: StudySpec
    rule: AutomatedStopping | None
    trials: tuple[RecordedTrial, ...]
    parallel: int
    wall_s: float
    startup: int
    notices: tuple[str, ...]

    @property
    def metric(self) -> MetricSpec:
        """The only objective."""
        return self.spec.objective

    @property
    def best(self) -> RecordedTrial | None:
        """The trial with the best final value; of equal values, the earliest."""
        return best_of(self.trials, self.metric.goal)

    @property
    def has_curves(self) -> bool:
        """Whether a trial has more than one measurement, so that a rule has something to decide on."""
        return any(len(trial.reports) > 1 for trial in self.trials)

    @property
    def worker_s(self) -> float:
        """The sum of the trials' times."""
        return math.fsum(trial.duration_s for trial in self.trials)

    @property
    def least_wall_s(self) -> float:
        """The time that the trials need if each worker takes the next one without delay."""
        return makespan_s((trial.duration_s for trial in self.trials), self.parallel)

    @property
    def cut_count(self) -> int:
        """The number of trials that were stopped early."""
        return sum(trial.is_cut for trial in self.trials)

    @property
    def longest_s(self) -> float:
        """The time of the longest trial that was not stopped early and has a value; 0 without one."""
        return max((t.duration_s for t in self.trials if not t.is_cut and t.value is not None), default=0.0)


def best_of(trials: Sequence[RecordedTrial], goal: Goal) -> RecordedTrial | None:
    """Return the trial with the best value; of equal values, the first. None if none has a value."""
    sign = 1.0 if goal is Goal.MINIMIZE else -1.0
    measured = [(sign * trial.value, index) for index, trial in enumerate(trials) if trial.value is not None]
    return trials[min(measured)[1]] if measured else None


def recorded_study(job: HyperparameterTuningJob) -> RecordedStudy:
    """Return the record of a job. Trials that have not ended are left out, and a notice says so.

    Raises UserError for a study with several objectives, or without an ended trial that has a value and times, and
    DocumentError for one without an objective.
    """
    metric = job.study_spec.objective
    if job.study_spec.has_several_objectives:
        names = ", ".join(job.study_spec.metric_ids)
        raise UserError(f"the study has several objectives ({names}); stopping rules and a replay need exactly one")
    ended = sorted((trial for trial in job.trials if trial.state.is_terminal), key=_number)
    _require_times(ended, job)
    rule = job.study_spec.automated_stopping
    trials = tuple(_recorded(trial, rule, job.study_spec) for trial in ended)
    if best_of(trials, metric.goal) is None:
        raise UserError(f"none of the {len(ended)} ended trials has a final value of {metric.id}; nothing to replay")
    return RecordedStudy(
        name=job.display_name or job.name,
        spec=replace(job.study_spec, automated_stopping=None, study_stopping=None),
        rule=rule,
        trials=trials,
        parallel=max(1, job.parallel_trial_count, _most_at_once(ended)),
        wall_s=_wall_s(ended),
        startup=_startup(job),
        notices=tuple(_notices(job, trials)),
    )


def require_curves(study: RecordedStudy) -> None:
    """Check that a stopping rule can be replayed. Raises UserError when no trial has a measurement before its end."""
    if not study.has_curves:
        raise UserError(
            f"no trial of {study.name} has a curve: each has at most one measurement of {study.metric.id}, so no "
            "stopping rule can be replayed; replay with --early-stopping none, or record curves: run --monitor NAME"
        )


def _number(trial: Trial) -> tuple[int, str]:
    return (int(trial.id), "") if trial.id.isdecimal() else (0, trial.id)


def _require_times(ended: Sequence[Trial], job: HyperparameterTuningJob) -> None:
    if not ended:
        raise UserError(f"none of the {len(job.trials)} trials of the study has ended; replay it when some have")
    without = [trial.id for trial in ended if _has_run(trial) and trial.duration_s is None]
    if without:
        raise UserError(
            f"{_listed(without)} of the study: no start or no end time, so the replay does not know how long they "
            "took; replay a study whose trials were run by a service or by study.optimize of Optuna"
        )
    backwards = [trial.id for trial in ended if (trial.duration_s or 0.0) < 0.0]
    if backwards:
        raise UserError(f"{_listed(backwards)} of the study: the end time is before the start time; correct the record")


def _has_run(trial: Trial) -> bool:
    """Whether a trial took time: one that failed before its start took none."""
    return trial.state is TrialState.SUCCEEDED or trial.start_time is not None or bool(trial.measurements)


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
    return f"{'trial' if len(ids) == 1 else 'trials'} {', '.join(ids[:MAX_NAMED])}{more}"


def _recorded(trial: Trial, rule: AutomatedStopping | None, spec: StudySpec) -> RecordedTrial:
    measurements = _measured(trial, rule)
    has_succeeded = trial.state is TrialState.SUCCEEDED
    value = _finite(trial.objective(spec.objective.id)) if has_succeeded else None
    duration_s = trial.duration_s or 0.0
    timed = _timed(measurements[trial.earlier_measurements :], duration_s)
    seen = selected(trial, spec) if trial.stopped_early and not has_succeeded else None
    return RecordedTrial(
        trial=replace(trial, measurements=measurements[: trial.earlier_measurements]),
        reports=tuple(one for one in timed if spec.objective.id in one.measurement.metrics),
        duration_s=duration_s,
        value=value,
        final=seen if value is None else trial.final_measurement,
        is_cut=trial.stopped_early,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _measured(trial: Trial, rule: AutomatedStopping | None) -> tuple[Measurement, ...]:
    """Return the measurements that a trial made. The last one of a trial that the convex rule stopped is predicted."""
    is_predicted = isinstance(rule, ConvexStopping) and trial.stopped_early
    if is_predicted and trial.measurements and trial.measurements[-1] == trial.final_measurement:
        return trial.measurements[:-1]
    return trial.measurements


def _timed(own: Sequence[Measurement], duration_s: float) -> Iterator[TimedMeasurement]:
    """Yield the measurements in order with their times; at equal distances, if one of them has no time."""
    is_timed = all(measurement.elapsed_s is not None for measurement in own)
    at_s = 0.0
    for number, measurement in enumerate(own, start=1):
        elapsed_s = measurement.elapsed_s if is_timed else None
        at_s = max(at_s, duration_s * number / len(own) if elapsed_s is None else min(elapsed_s, duration_s))
        yield TimedMeasurement(at_s, measurement)


def _wall_s(ended: Sequence[Trial]) -> float:
    starts = [trial.start_time for trial in ended if trial.start_time is not None]
    ends = [trial.end_time for trial in ended if trial.start_time is not None and trial.end_time is not None]
    return (max(ends) - min(starts)).total_seconds() if starts and ends else 0.0


def _most_at_once(ended: Sequence[Trial]) -> int:
    """Return how many trials ran at the same time at most. A job that was read from an Optuna storage says 1."""
    changes = [(trial.start_time, 1) for trial in ended if trial.start_time is not None]
    changes += [(trial.end_time, -1) for trial in ended if trial.start_time is not None and trial.end_time is not None]
    return max(accumulate(change for _, change in sorted(changes)), default=0)


def _startup(job: HyperparameterTuningJob) -> int:
    if job.study_spec.algorithm in {Algorithm.GRID_SEARCH, Algorithm.RANDOM_SEARCH}:
        return 0
    return startup_trials(job.study_spec, job.max_trial_count)


def _notices(job: HyperparameterTuningJob, trials: Sequence[RecordedTrial]) -> Iterator[str]:
    running = len(job.trials) - len(trials)
    if running:
        yield f"{running} of {len(job.trials)} trials have not ended and are left out: the study is not finished"
    untimed = sum(any(m.measurement.elapsed_s is None for m in trial.reports) for trial in trials)
    if untimed:
        yield (
            f"{untimed} of {len(trials)} trials have measurements without a time, as in an Optuna storage: they are "
            "taken at equal distances over the trial"
        )
    yield from _without_value(job, trials)
    predicted = sum(trial.is_cut and trial.value is not None for trial in trials)
    if predicted and isinstance(job.study_spec.automated_stopping, ConvexStopping):
        yield f"{predicted} of {len(trials)} trials have the value that the convex rule predicted when it stopped them"
    again = sum(trial.trial.earlier_measurements > 0 for trial in trials)
    if again:
        yield f"{again} of {len(trials)} trials ran again after a loss: only the time of their last attempt is counted"
    if job.study_spec.study_stopping is not None:
        yield "studyStoppingConfig, which ends a study before its last trial, is not replayed"


def _without_value(job: HyperparameterTuningJob, trials: Sequence[RecordedTrial]) -> Iterator[str]:
    """Yield what is said about values that are not finite numbers, which a job or a storage does not have."""
    metric_id = job.study_spec.objective.id
    ended = [trial for trial in job.trials if trial.state.is_terminal]
    without = sum(any(metric_id not in one.metrics for one in trial.measurements) for trial in ended)
    if without:
        yield (
            f"{without} of {len(trials)} trials have measurements without a finite value of {metric_id}: these are "
            "left out, as in the service"
        )
    infeasible = sum(one.value is None and one.trial.state is TrialState.SUCCEEDED for one in trials)
    if infeasible:
        yield (
            f"{infeasible} of {len(trials)} trials have succeeded without a finite value of {metric_id}: they count as "
            "infeasible, as in the service"
        )
