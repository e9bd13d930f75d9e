"""Computes a study's progress, and writes it as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState
from hydra_vertex.launcher.best.selection import pareto_set, rank, trial_order
from hydra_vertex.launcher.text.formatting import format_duration, format_value

LISTED = 8
"""Maximum number of trials in a list of a Pareto set."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A study's progress. `remaining_s` is None before the first trial has ended, and when the job has ended."""

    ended: int
    running: int
    total: int
    elapsed_s: float
    remaining_s: float | None


def progress(job: HyperparameterTuningJob, now: datetime) -> Progress:
    """Count the trials, and estimate the remaining time from the ended trials' mean duration and the parallelism."""
    ended = [trial for trial in job.trials if trial.state.is_terminal]
    running = [trial for trial in job.trials if trial.state in {TrialState.ACTIVE, TrialState.STOPPING}]
    start = job.start_time or job.create_time
    end = job.end_time or now
    return Progress(
        ended=len(ended),
        running=len(running),
        total=job.max_trial_count,
        elapsed_s=(end - start).total_seconds() if start else 0.0,
        remaining_s=_remaining_s(job, ended, running, now),
    )


def _remaining_s(
    job: HyperparameterTuningJob, ended: Sequence[Trial], running: Sequence[Trial], now: datetime
) -> float | None:
    durations = [trial.duration_s for trial in ended if trial.duration_s is not None]
    if not durations or job.state.is_terminal:
        return None
    mean_s = sum(durations) / len(durations)
    ages_s = [(now - trial.start_time).total_seconds() for trial in running if trial.start_time]
    open_s = mean_s * (job.max_trial_count - len(ended)) - sum(min(age, mean_s) for age in ages_s)
    return max(0.0, open_s) / max(1, min(job.parallel_trial_count, job.max_trial_count - len(ended)))


def change_lines(before: HyperparameterTuningJob | None, after: HyperparameterTuningJob) -> Iterator[str]:
    """Yield a line for each trial whose state has changed, and one for the job when its state has changed."""
    known = {trial.id: trial.state for trial in before.trials} if before else {}
    for trial in sorted(after.trials, key=trial_order):
        if known.get(trial.id) is not trial.state:
            yield f"trial {trial.id} {trial.state.value}{_details(trial, after)}"
    if before is None or before.state is not after.state:
        yield f"{after.display_name}: {after.state.value}"


def _details(trial: Trial, job: HyperparameterTuningJob) -> str:
    values = ((name, trial.objective(name)) for name in job.study_spec.metric_ids)
    parameters = " ".join(f"{key}={format_value(item)}" for key, item in trial.parameters.items())
    found = " ".join(f"{name}={format_value(value)}" for name, value in values if value is not None)
    outcome = f"  {found}" if found else ""
    reason = f"  {trial.infeasible_reason.splitlines()[0]}" if trial.infeasible_reason else _early_stop(trial)
    return f"  {parameters}{outcome}{reason}"


def _early_stop(trial: Trial) -> str:
    return f"  stopped early: {trial.stopping_reason}" if trial.stopped_early else ""


def _best(job: HyperparameterTuningJob) -> Iterator[str]:
    if job.study_spec.has_several_objectives:
        if members := pareto_set(job):
            yield f"Pareto set: {trial_list(members)}"
        return
    metric = job.study_spec.objective.id
    best = next(iter(rank(job)), None)
    value = best.objective(metric) if best else None
    if best is not None and value is not None:
        yield f"best {metric} {format_value(value)} (trial {best.id})"


def trial_list(trials: Sequence[Trial]) -> str:
    """Return such as `trials 1, 3`, in the order of their start; of many, the first and the number of the others."""
    ids = [trial.id for trial in sorted(trials, key=trial_order)]
    more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
    return f"trial{'s' if len(ids) > 1 else ''} {', '.join(ids[:LISTED])}{more}"


def progress_line(job: HyperparameterTuningJob, state: Progress) -> str:
    """Return such as `7 of 12 trials, 2 running, best val/loss 2.31 (trial 5), elapsed 1:02, about 0:41 to go`."""
    parts = [f"{state.ended} of {state.total} trials", f"{state.running} running", *_best(job)]
    parts.append(f"elapsed {format_duration(state.elapsed_s)}")
    if state.remaining_s is not None:
        parts.append(f"about {format_duration(state.remaining_s)} to go")
    return ", ".join(parts)
