"""What trials that were stopped would have come to: the optimiser learns from that, not from where they were stopped.

The last value of a stopped run is worse than the end that it did not reach. Told as it is, it makes the region around
the trial look worse than it is, and the more so the earlier the trial was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hydra_vertex.launcher.job import Goal, MetricSpec, Trial, TrialState

from .curve import curves_of
from .decay_curve import MOST_WHOLE, outlook_of


class ExpectedEnds:
    """The expected final values of stopped trials. Functions of what is recorded, each worked out once."""

    def __init__(self, metric: MetricSpec) -> None:
        self._metric = metric
        self._known: dict[str, float | None] = {}

    def value(self, trial: Trial, trials: Sequence[Trial]) -> float | None:
        """What a trial is to be learnt from: its objective, or the expected one where it was stopped; None for none."""
        if not trial.stopped_early:
            return trial.objective(self._metric.id)
        if trial.id not in self._known:
            self._known[trial.id] = expected_end(trial, trials, self._metric)
        return self._known[trial.id]


def expected_end(stopped: Trial, trials: Sequence[Trial], metric: MetricSpec) -> float | None:
    """The expected final value of a stopped trial, from the whole runs that ended before it did.

    Its own last value where they are too few, or where its last measurement is the prediction of a rule.
    """
    last = stopped.objective(metric.id)
    running = replace(stopped, state=TrialState.ACTIVE, final_measurement=None)
    curves = curves_of(running, _telling(trials, stopped, metric), metric, None)
    outlook = None if curves is None else outlook_of(curves)
    return last if curves is None or outlook is None or last is None else curves.value(outlook.cost)


def _telling(trials: Sequence[Trial], stopped: Trial, metric: MetricSpec) -> list[Trial]:
    """Of the whole runs that ended before: the newest, as many as the process learns from, and the best of all."""
    whole = [trial for trial in trials if not trial.stopped_early and _ended_before(trial, stopped)]
    newest = sorted(whole, key=lambda trial: (trial.end_time, int(trial.id)))[-MOST_WHOLE:]
    values = {trial.id: value for trial in whole if (value := trial.objective(metric.id)) is not None}
    best = (min if metric.goal is Goal.MINIMIZE else max)(values, key=values.__getitem__, default="")
    return [trial for trial in whole if trial.id == best and trial not in newest] + newest


def _ended_before(trial: Trial, stopped: Trial) -> bool:
    if trial.end_time is None or stopped.end_time is None:
        return False
    return (trial.end_time, int(trial.id)) < (stopped.end_time, int(stopped.id))
