"""Decides which reported measurements of a trial are stored. Pure.

A metric file contains only the last reports of one attempt: cloudml-hypertune keeps 100 lines, and a trial can replace
its file. The record accumulates what was read from it:

- Recorded measurements are kept; new reports of the file are appended in their order.
- When a trial runs again, the measurements of earlier attempts are kept before those of the new attempt. Each report
  of the new attempt replaces the first earlier measurement with the same step. Apps without steps report at step 0:
  each of their reports replaces the first earlier measurement.
- A curve of more than WHOLE_LIMIT reports is thinned: a report is recorded when its distance from the last recorded one
  is at least 1/FINENESS of the curve's length (1,200 measurements each time the curve grows tenfold), or when it is
  better than all before and there are fewer than BEST_LIMIT measurements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from hydra_vertex.job import Goal, Measurement, MetricSpec, Trial

WHOLE_LIMIT = 1000
FINENESS = 500
BEST_LIMIT = 2000
RECORD_LIMIT = 5000
"""Maximum measurements of one trial: each change writes all of them."""

Key: TypeAlias = tuple[int, float | None, float | None]


def extended(trial: Trial, found: Sequence[Measurement], metric: MetricSpec) -> Trial:
    """Return the trial with the new measurements of its metric file; `found` has all of the file, oldest first."""
    earlier, own = _trial_runs(trial)
    own = _completed(own, found, metric)
    best = min((_cost(measurement, metric) for measurement in own), default=math.inf)
    for measurement in _new(own, found, metric):
        is_best = _cost(measurement, metric) < best and len(own) < BEST_LIMIT
        if len(earlier) + len(own) < RECORD_LIMIT and (is_best or _is_further_on(own, measurement)):
            own.append(measurement)
            best = min(best, _cost(measurement, metric))
            earlier = _superseded(earlier, measurement.step_count)
    return replace(trial, measurements=(*earlier, *own), earlier_measurements=len(earlier))


def judged_by(trial: Trial, found: Sequence[Measurement], metric: MetricSpec) -> tuple[Measurement, ...]:
    """Return the measurements to judge an ended trial by, the latest last: its record, and those not stored in it."""
    keys = {_key(measurement, metric) for measurement in _trial_runs(trial)[1]}
    missing = [measurement for measurement in found if _key(measurement, metric) not in keys]
    is_newer = bool(missing) and missing[-1] is found[-1]
    return (*trial.measurements, *missing) if is_newer else (*missing, *trial.measurements)


def last_attempt(trial: Trial) -> tuple[Measurement, ...]:
    """Return the curve of the trial's last attempt, preceded by earlier steps if it continued from a checkpoint.

    Those are the measurements of earlier attempts at steps before the first step of the last attempt.
    """
    earlier, own = _trial_runs(trial)
    if not own:
        return trial.measurements
    before = [measurement for measurement in earlier if measurement.step_count < own[0].step_count]
    return (*sorted(before, key=lambda measurement: measurement.step_count), *own)


def _trial_runs(trial: Trial) -> tuple[list[Measurement], list[Measurement]]:
    count = trial.earlier_measurements
    return list(trial.measurements[:count]), list(trial.measurements[count:])


def _key(measurement: Measurement, metric: MetricSpec) -> Key:
    return measurement.step_count, measurement.metrics.get(metric.id), measurement.elapsed_s


def _completed(own: list[Measurement], found: Sequence[Measurement], metric: MetricSpec) -> list[Measurement]:
    """The recorded measurements, with other metrics added that were reported later at the same step."""
    metrics = {_key(measurement, metric): measurement.metrics for measurement in found if len(measurement.metrics) > 1}
    if not metrics:
        return own
    return [replace(known, metrics={**known.metrics, **metrics.get(_key(known, metric), {})}) for known in own]


def _new(own: Sequence[Measurement], found: Sequence[Measurement], metric: MetricSpec) -> Sequence[Measurement]:
    """The reports of the file that are not recorded yet. Equal reports without a time are distinguished by order."""
    known, seen = [_key(m, metric) for m in own], [_key(m, metric) for m in found]
    is_timed = all(measurement.elapsed_s is not None for measurement in found)
    if not is_timed and len(own) < WHOLE_LIMIT and not _is_within(seen, known):
        for count in range(min(len(known), len(seen)), 0, -1):
            if known[-count] == seen[0] and known[-count:] == seen[:count]:
                return found[count:]
    keys = set(known)
    return [measurement for measurement, key in zip(found, seen, strict=True) if key not in keys]


def _is_within(part: Sequence[Key], whole: Sequence[Key]) -> bool:
    """Whether `part` is a contiguous part of `whole`, as when a file was read while it was being rewritten."""
    return any(
        whole[start] == part[0] and whole[start : start + len(part)] == part
        for start in range(len(whole) - len(part) + 1)
        if part
    )


def _is_further_on(own: Sequence[Measurement], new: Measurement) -> bool:
    """Whether to record a report regardless of its value: always in a short curve, else at a minimum distance."""
    if len(own) < WHOLE_LIMIT:
        return True
    first, last = own[0], own[-1]
    if last.step_count > first.step_count:
        return (new.step_count - last.step_count) * FINENESS >= last.step_count - first.step_count
    if first.elapsed_s is None or last.elapsed_s is None or new.elapsed_s is None:
        return False
    return (new.elapsed_s - last.elapsed_s) * FINENESS >= last.elapsed_s - first.elapsed_s


def _cost(measurement: Measurement, metric: MetricSpec) -> float:
    value = measurement.metrics.get(metric.id, math.nan)
    return value if metric.goal is Goal.MINIMIZE else -value


def _superseded(earlier: list[Measurement], step: int) -> list[Measurement]:
    index = next((i for i, measurement in enumerate(earlier) if measurement.step_count == step), None)
    return earlier if index is None else [*earlier[:index], *earlier[index + 1 :]]
