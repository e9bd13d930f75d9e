"""What stands in a trial's record of all that it reports. Pure.

A metric file shows the last reports of one attempt: cloudml-hypertune keeps 100 lines, and a trial can replace its
file. The record keeps what was in it once:

- What is recorded stays; the file's reports that are not known yet come behind it, in their order.
- A trial that runs again begins anew. What earlier attempts reported stays in front of what the new one reports; each
  report of the new attempt takes the place of the earliest one that is left of the same step. Apps without steps report
  at step 0: their first report takes the place of the first one.
- Of a curve of more than WHOLE_LIMIT reports those are recorded that are a 1/FINENESS of it further on than the last
  one (1,200 for each time that it grows tenfold), and as long as there are fewer than BEST_LIMIT those that are better
  than all before.
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
"""More measurements of one trial are never recorded: each change writes all of them."""

Key: TypeAlias = tuple[int, float | None, float | None]


def extended(trial: Trial, found: Sequence[Measurement], metric: MetricSpec) -> Trial:
    """The trial with what its metric file has now, oldest first."""
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
    """All that an ended trial can be judged by, the last one at the end: its record, and what did not get into it."""
    keys = {_key(measurement, metric) for measurement in _trial_runs(trial)[1]}
    missing = [measurement for measurement in found if _key(measurement, metric) not in keys]
    is_newer = bool(missing) and missing[-1] is found[-1]
    return (*trial.measurements, *missing) if is_newer else (*missing, *trial.measurements)


def last_attempt(trial: Trial) -> tuple[Measurement, ...]:
    """The curve that the trial's last attempt is on, and the curve before it where it went on from a checkpoint.

    An attempt goes on when its first step is behind those that earlier attempts reported.
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
    """What is recorded, with other metrics that were reported at the same step later."""
    metrics = {_key(measurement, metric): measurement.metrics for measurement in found if len(measurement.metrics) > 1}
    if not metrics:
        return own
    return [replace(known, metrics={**known.metrics, **metrics.get(_key(known, metric), {})}) for known in own]


def _new(own: Sequence[Measurement], found: Sequence[Measurement], metric: MetricSpec) -> Sequence[Measurement]:
    """What of the file is not recorded yet. Reports without a time may be equal; their order tells them apart."""
    known, seen = [_key(m, metric) for m in own], [_key(m, metric) for m in found]
    is_timed = all(measurement.elapsed_s is not None for measurement in found)
    if not is_timed and len(own) < WHOLE_LIMIT and not _is_within(seen, known):
        for count in range(min(len(known), len(seen)), 0, -1):
            if known[-count] == seen[0] and known[-count:] == seen[:count]:
                return found[count:]
    keys = set(known)
    return [measurement for measurement, key in zip(found, seen, strict=True) if key not in keys]


def _is_within(part: Sequence[Key], whole: Sequence[Key]) -> bool:
    """Whether one is a stretch of the other: of a file that is just being written the beginning is read."""
    return any(
        whole[start] == part[0] and whole[start : start + len(part)] == part
        for start in range(len(whole) - len(part) + 1)
        if part
    )


def _is_further_on(own: Sequence[Measurement], new: Measurement) -> bool:
    """Whether a report is to be recorded wherever it stands; of a long curve, when it is some way behind the last."""
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
