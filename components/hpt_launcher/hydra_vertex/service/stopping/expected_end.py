"""The expected final values of trials that were stopped early, from which the optimiser learns.

The last value of a stopped run is worse than the final value that it did not reach. Used as the outcome, it makes the
region around the trial look worse than it is, the more so the earlier the trial was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hydra_vertex.job import Goal, MetricSpec, Trial, TrialState

from .curve import curves_of
from .prediction import MAX_COMPLETE, MAX_STOPPED, predict_final_cost


class ExpectedEnds:
    """The expected final values of stopped trials, computed once for each. They depend on recorded trials alone."""

    def __init__(self, metric: MetricSpec) -> None:
        self._metric = metric
        self._computed: dict[str, float | None] = {}

    def value(self, trial: Trial, trials: Sequence[Trial]) -> float | None:
        """Return the value to learn from: the objective, or the expected one of a stopped trial; None without any."""
        if not trial.stopped_early:
            return trial.objective(self._metric.id)
        if trial.id not in self._computed:
            self._computed[trial.id] = expected_end(trial, trials, self._metric)
        return self._computed[trial.id]


def expected_end(stopped: Trial, trials: Sequence[Trial], metric: MetricSpec) -> float | None:
    """Return the expected final value of a stopped trial, from the trials that ended before it did.

    This is its own last value if too few of them are complete runs, or if its last measurement is a rule's prediction.
    None if it has no value.
    """
    last = stopped.objective(metric.id)
    running = replace(stopped, state=TrialState.ACTIVE, final_measurement=None)
    curves = curves_of(running, _informative(_ended_before(stopped, trials), metric), metric, None)
    prediction = None if curves is None else predict_final_cost(curves)
    return last if curves is None or prediction is None or last is None else curves.value(prediction.cost)


def _ended_before(stopped: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that ended before the stopped one, in the order of their ends."""
    if stopped.end_time is None:
        return []
    ends = sorted((trial.end_time, int(trial.id), trial) for trial in trials if trial.end_time is not None)
    return [trial for time, number, trial in ends if (time, number) < (stopped.end_time, int(stopped.id))]


def _informative(ended: Sequence[Trial], metric: MetricSpec) -> list[Trial]:
    """Return the newest trials, as many as the prediction uses, and the best complete run of all."""
    complete = [trial for trial in ended if not trial.stopped_early]
    newest = complete[-MAX_COMPLETE:] + [trial for trial in ended if trial.stopped_early][-MAX_STOPPED:]
    values = {trial.id: value for trial in complete if (value := trial.objective(metric.id)) is not None}
    best = (min if metric.goal is Goal.MINIMIZE else max)(values, key=values.__getitem__, default="")
    return [trial for trial in complete if trial.id == best and trial not in newest] + newest
