"""Builds the rows of the table of trials: the text of each cell, and a number to sort it by. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from math import isfinite

from hydra_vertex.job import HyperparameterTuningJob, ParameterValue, Trial
from hydra_vertex.launcher.best.selection import pareto_set, trial_order
from hydra_vertex.launcher.text.formatting import format_duration, format_value

from .failures import reason_excerpt, reason_limit
from .schedule import Status, status_of
from .study import parameter_ids


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell, and the number to sort it by; None sorts by the text."""

    text: str
    sort: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One trial. `is_stopped` is true if it was stopped early; `reason` states why it was, or why it is infeasible,
    without the middle of a long one.

    `others` are the objectives after the first; `is_member`: the trial is in the Pareto set of several objectives.
    """

    id: str
    status: Status
    is_best: bool
    objective: Cell
    parameters: Mapping[str, Cell]
    duration: Cell
    start: Cell
    reason: str
    is_stopped: bool = False
    others: tuple[Cell, ...] = ()
    is_member: bool = False


def rows_of(job: HyperparameterTuningJob, best: Trial | None) -> tuple[Row, ...]:
    """Return the rows of all trials, in the order of their start."""
    keys = parameter_ids(job)
    members = {trial.id for trial in pareto_set(job)} if job.study_spec.has_several_objectives else frozenset[str]()
    limit = reason_limit(sum(bool(_reason(trial)) for trial in job.trials))
    return tuple(_row(trial, job, keys, best, members, limit) for trial in sorted(job.trials, key=trial_order))


def _row(
    trial: Trial, job: HyperparameterTuningJob, keys: tuple[str, ...], best: Trial | None, members: Set[str], most: int
) -> Row:
    first, *others = (_objective(trial.objective(name)) for name in job.study_spec.metric_ids)
    duration_s = trial.duration_s
    return Row(
        id=trial.id,
        status=status_of(trial, job),
        is_best=best is not None and trial.id == best.id,
        objective=first,
        parameters={key: _cell(trial.parameters.get(key)) for key in keys},
        duration=Cell("") if duration_s is None else Cell(format_duration(duration_s), duration_s),
        start=Cell("") if trial.start_time is None else _time(trial),
        reason=reason_excerpt(_reason(trial), most),
        is_stopped=trial.stopped_early,
        others=tuple(others),
        is_member=trial.id in members,
    )


def _reason(trial: Trial) -> str:
    return trial.infeasible_reason or trial.stopping_reason


def _objective(value: float | None) -> Cell:
    return Cell("") if value is None or not isfinite(value) else Cell(f"{value:.6g}", value)


def _cell(value: ParameterValue | None) -> Cell:
    if value is None:
        return Cell("")
    return Cell(value) if isinstance(value, str) else Cell(format_value(value), value)


def _time(trial: Trial) -> Cell:
    assert trial.start_time is not None  # noqa: S101 - called with started trials only
    return Cell(f"{trial.start_time:%Y-%m-%d %H:%M:%S}", trial.start_time.timestamp())
