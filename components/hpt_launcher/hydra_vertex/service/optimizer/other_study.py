"""Earlier studies in the search space of a new one: which of their trials lie in it, and which are tried first.

Shapes in this module: n trials of one earlier study, d encoded dimensions of the new space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from hydra_vertex.job import (
    Domain,
    Goal,
    HyperparameterTuningJob,
    ParameterSpec,
    ParameterValue,
    Trial,
    TrialState,
    walk_parameters,
)
from hydra_vertex.job.parameters import contains
from hydra_vertex.service.space.axes import Coordinate
from hydra_vertex.service.space.search_space import Dimension, Point, default_point

from .encoding import Array, Encoding

MIN_DISTANCE = 0.05
"""A point is tried first only if it differs by more than this from the others in a dimension of the unit cube."""


@dataclass(frozen=True, slots=True)
class EarlierStudy:
    """One earlier study in the new space.

    `rows` `(n, d)` and `losses` `(n,)`, NaN where a trial is infeasible, are those of its trials that lie in the new
    space. `shared` `(d,)`: which parameters it has; the others have the cell of an inactive parameter. `first` are the
    points to try first: requested trials, then the others from the best one on.
    """

    rows: Array
    losses: Array
    shared: NDArray[np.bool_]
    first: tuple[Point, ...]


def earlier_study(
    encoding: Encoding, parameters: Sequence[ParameterSpec], job: HyperparameterTuningJob
) -> EarlierStudy:
    """Return a job in the space of the `parameters`. These are compared by name, trials in the shared parameters.

    A trial without an outcome, such as one that was stopped before it had a value, is left out.
    """
    domains = {spec.id: spec.domain for spec in walk_parameters(parameters)}
    located = [(trial, _shared_point(encoding, domains, trial.parameters)) for trial in job.trials]
    inside = [(trial, point) for trial, point in located if point]
    ended = [(trial, point, _loss(trial, job)) for trial, point in inside if _has_outcome(trial)]
    names = {name for _, point, _ in ended for name in point}
    requested = [point for trial, point in inside if trial.state is TrialState.REQUESTED]
    ranked = sorted((loss, index) for index, (_, _, loss) in enumerate(ended) if np.isfinite(loss))
    first = [*requested, *(ended[index][1] for _, index in ranked)]
    return EarlierStudy(
        rows=encoding.rows([point for _, point, _ in ended]),
        losses=np.array([loss for _, _, loss in ended], dtype=np.float64),
        shared=np.array([column.dimension.name in names for column in encoding.columns]),
        first=tuple(_completed(encoding, point) for point in first),
    )


def first_points(encoding: Encoding, studies: Sequence[EarlierStudy], count: int) -> tuple[Point, ...]:
    """Return up to `count` points to try first: the best of each study in turn, none close to another one.

    The point of the default values, which every study tries first, is not among them.
    """
    chosen = [_default_row(encoding)]
    points: list[Point] = []
    for point in (point for turn in zip_longest(*(study.first for study in studies)) for point in turn if point):
        row = encoding.rows([point])[0]
        if len(points) < count and all(_distance(row, other) > MIN_DISTANCE for other in chosen):
            chosen.append(row)
            points.append(point)
    return tuple(points)


def _default_row(encoding: Encoding) -> Array:
    """Return the row `(d,)` of the space's default point."""
    return np.asarray(encoding.rows([default_point(encoding.space)])[0])


def _shared_point(
    encoding: Encoding, domains: Mapping[str, Domain], parameters: Mapping[str, ParameterValue]
) -> dict[str, Coordinate]:
    """Return the coordinates of the active parameters that a trial has; empty if a value is not in the new space.

    A conditional parameter without its parent among the trial's parameters counts as active.
    """
    point: dict[str, Coordinate] = {}
    for column in encoding.columns:
        dimension = column.dimension
        is_active = dimension.is_active(point) or dimension.parent not in parameters
        if dimension.name not in parameters or not is_active:
            continue
        value = parameters[dimension.name]
        if not contains(domains[dimension.name], value):
            return {}
        point[dimension.name] = dimension.axis.coordinate(value)
    return point


def _completed(encoding: Encoding, shared: Point) -> Point:
    """Return the point with the default value, or the middle of the axis, for each active parameter that it lacks."""
    point: dict[str, Coordinate] = {}
    for dimension in _dimensions(encoding):
        if dimension.is_active(point):
            default = dimension.axis.at(0.5) if dimension.default is None else dimension.default
            point[dimension.name] = shared.get(dimension.name, default)
    return point


def _dimensions(encoding: Encoding) -> Iterator[Dimension]:
    return (column.dimension for column in encoding.columns)


def _has_outcome(trial: Trial) -> bool:
    return trial.state is TrialState.SUCCEEDED or (trial.state is TrialState.INFEASIBLE and not trial.stopped_early)


def _loss(trial: Trial, job: HyperparameterTuningJob) -> float:
    """Return the value to minimise by the goal of the earlier study; NaN without a finite one."""
    objective = job.study_spec.objective
    value = trial.objective(objective.id) if trial.state is TrialState.SUCCEEDED else None
    if value is None or not np.isfinite(value):
        return np.nan
    return value if objective.goal is Goal.MINIMIZE else -value


def _distance(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())
