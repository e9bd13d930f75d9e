"""What trials that were stopped would have come to: the optimiser learns from that, not from where they were stopped.

The last value of a stopped run is worse than the end that it did not reach. Told as it is, it makes the region around
the trial look worse than it is, and the more so the earlier the trial was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hydra_vertex.job import Goal, MetricSpec, Trial, TrialState

from .curve import curves_of
from .prediction import MOST_STOPPED, MOST_WHOLE, outlook_of


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
    """The expected final value of a stopped trial, from the trials that ended before it did.

    Its own last value where too few of them are whole runs, or where its last measurement is the prediction of a rule.
    """
    last = stopped.objective(metric.id)
    running = replace(stopped, state=TrialState.ACTIVE, final_measurement=None)
    curves = curves_of(running, _telling(_ended_before(stopped, trials), metric), metric, None)
    outlook = None if curves is None else outlook_of(curves)
    return last if curves is None or outlook is None or last is None else curves.value(outlook.cost)


def _ended_before(stopped: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """In the order of their ends."""
    if stopped.end_time is None:
        return []
    ends = sorted((trial.end_time, int(trial.id), trial) for trial in trials if trial.end_time is not None)
    return [trial for time, number, trial in ends if (time, number) < (stopped.end_time, int(stopped.id))]


def _telling(ended: Sequence[Trial], metric: MetricSpec) -> list[Trial]:
    """The newest, as many as are learnt from, and the best whole run of all."""
    whole = [trial for trial in ended if not trial.stopped_early]
    newest = whole[-MOST_WHOLE:] + [trial for trial in ended if trial.stopped_early][-MOST_STOPPED:]
    values = {trial.id: value for trial in whole if (value := trial.objective(metric.id)) is not None}
    best = (min if metric.goal is Goal.MINIMIZE else max)(values, key=values.__getitem__, default="")
    return [trial for trial in whole if trial.id == best and trial not in newest] + newest
