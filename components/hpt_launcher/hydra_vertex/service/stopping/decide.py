"""Apply the automated stopping rule of a study to a running trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hydra_vertex.job import ConvexStopping, DecayCurveStopping, Measurement, MedianStopping, StudySpec, Trial

from .convex import convex_stop, limits_of
from .curve import CurveAxis, Curves, curves_of
from .decay_curve import unlikely_best
from .median import worse_than_median


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """The decision to stop a trial. `predicted` is a measurement to append to the trial's own, if there is one."""

    reason: str
    predicted: Measurement | None = None


def decide(spec: StudySpec, running: Trial, trials: Sequence[Trial]) -> EarlyStop | None:
    """Return the decision to stop the running trial, None if it continues. `trials` are all trials of the study."""
    rule = spec.automated_stopping
    if rule is None:
        return None
    curves = curves_of(running, trials, spec.objective, _axis(rule))
    if curves is None:
        return None
    match rule:
        case MedianStopping():
            return _stop(worse_than_median(curves))
        case DecayCurveStopping():
            return _stop(unlikely_best(curves))
        case ConvexStopping():
            return _convex(curves, rule, spec.objective.id)


def _axis(rule: MedianStopping | DecayCurveStopping | ConvexStopping) -> CurveAxis | None:
    if rule.use_elapsed_duration:
        return CurveAxis.ELAPSED
    # The convex rule's limits are in steps; a rule without them uses the axis that suits the curves.
    limited = isinstance(rule, ConvexStopping) and (rule.max_step_count or rule.min_step_count)
    return CurveAxis.STEP if limited else None


def _stop(reason: str | None) -> EarlyStop | None:
    return None if reason is None else EarlyStop(reason)


def _convex(curves: Curves, rule: ConvexStopping, metric_id: str) -> EarlyStop | None:
    limits = limits_of(curves, rule)
    found = None if limits is None else convex_stop(curves, limits)
    if limits is None or found is None:
        return None
    elapsed = limits.end if curves.axis is CurveAxis.ELAPSED else None
    steps = 0 if elapsed is not None else round(limits.end)
    return EarlyStop(found.reason, Measurement({metric_id: curves.value(found.predicted_cost)}, steps, elapsed))
