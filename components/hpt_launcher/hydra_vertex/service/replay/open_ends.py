"""Trials whose end is not known: the record's rule stopped them, and the replayed one would have let them go on.

Their cost has two bounds: that they end where the record ends, and that they run as long as the longest complete trial.
Their value has one, what they had measured; how good it might have become is predicted as the decay curve rule does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from hydra_vertex.job import Goal, Trial, TrialState
from hydra_vertex.service.stopping.curve import Curves, curves_of
from hydra_vertex.service.stopping.prediction import Prediction, predict_final_cost

from .recorded_study import RecordedStudy, RecordedTrial
from .replay import Replay
from .statistics import LEVEL


@dataclass(frozen=True, slots=True)
class OpenEnds:
    """The trials of a replay whose end is not known.

    `chance_of_best` is the probability that one of them would have become the best; `best_value` what the best of them
    would reach with a probability of 5 %. Both are None if a curve is too unlike the complete ones to be predicted.
    """

    ids: tuple[str, ...]
    chance_of_best: float | None
    best_value: float | None


def open_ends(study: RecordedStudy, found: Replay) -> OpenEnds:
    """Return what is known of the trials of a replay whose end is not known."""
    ids = tuple(trial.id for trial in found.open)
    cut = [trial for trial in study.trials if trial.trial.id in ids]
    predicted = list(_predictions(cut, study))
    if len(predicted) < len(cut) or not predicted:
        return OpenEnds(ids, None, None)
    chance = 1.0 - math.prod(1.0 - prediction.probability_of_best for _, prediction in predicted)
    values = [curves.value(_low_cost(prediction)) for curves, prediction in predicted]
    return OpenEnds(ids, chance, min(values) if study.metric.goal is Goal.MINIMIZE else max(values))


def _predictions(cut: Sequence[RecordedTrial], study: RecordedStudy) -> Iterator[tuple[Curves, Prediction]]:
    """Yield the predictions of those trials for which there is one, from all curves of the record."""
    known = [_seen(trial) for trial in study.trials]
    for trial in cut:
        running = replace(trial.whole, state=TrialState.ACTIVE, final_measurement=None, stopping_reason="")
        curves = curves_of(running, known, study.metric, None)
        prediction = None if curves is None else predict_final_cost(curves)
        if curves is not None and prediction is not None:
            yield curves, prediction


def _seen(trial: RecordedTrial) -> Trial:
    """Return a trial as a rule sees it: one that Optuna has pruned is one that was stopped."""
    state = TrialState.INFEASIBLE if trial.final is None else TrialState.SUCCEEDED
    return replace(trial.whole, state=state, final_measurement=trial.final)


def _low_cost(prediction: Prediction) -> float:
    deviations = NormalDist().inv_cdf((1 + LEVEL) / 2)
    return prediction.unit.cost(prediction.mean - deviations * prediction.deviation)
