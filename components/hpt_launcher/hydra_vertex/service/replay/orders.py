"""The same trials in other orders: how much of a replay's result depends on the order in which the trials came.

The order of a search with a model is not exchangeable: later trials are what the model made of the earlier ones. So the
startup trials, which depend on no other trial, change places among themselves, and so do the trials after them. What
varies is then which good trial came when; that the search became better with time is kept.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra_vertex.job import Goal

from .recorded_study import RecordedStudy, RecordedTrial, best_of
from .replay import Replay, Setting, replay_trials
from .statistics import Interval, central


@dataclass(frozen=True, slots=True)
class Orders:
    """The results of a number of random orders. The intervals have the central 90 % of them.

    `best_stopped` is in how many of them the rule stopped the trial that is the best one without it. The regrets are
    None if no trial has a value.
    """

    count: int
    best_stopped: int
    mean_regret: float | None
    regret: Interval | None
    worker_s: Interval
    wall_s: Interval


def in_other_orders(study: RecordedStudy, setting: Setting, count: int, seed: int) -> Orders:
    """Return the results of the setting with its trials in `count` random orders; the seed determines the orders."""
    trials = study.trials[: setting.trials]
    best = best_of(trials, study.metric.goal)
    replays = [replay_trials(order, study.spec, setting) for order in random_orders(trials, study.startup, count, seed)]
    regrets = [regret for found in replays if (regret := regret_of(found, study)) is not None]
    return Orders(
        count=count,
        best_stopped=sum(best is not None and _stops(found, best) for found in replays),
        mean_regret=statistics.fmean(regrets) if regrets else None,
        regret=central(regrets) if regrets else None,
        worker_s=central([found.worker_s for found in replays]),
        wall_s=central([found.wall_s for found in replays]),
    )


def random_orders(
    trials: Sequence[RecordedTrial], startup: int, count: int, seed: int
) -> Iterator[list[RecordedTrial]]:
    """Yield random orders in which the startup trials come first, as in the record."""
    source = random.Random(seed)  # noqa: S311 - a permutation, no secret
    for _ in range(count):
        first, later = list(trials[:startup]), list(trials[startup:])
        source.shuffle(first)
        source.shuffle(later)
        yield first + later


def regret_of(found: Replay, study: RecordedStudy) -> float | None:
    """Return how much worse the best value of a replay is than that of the record; None if it has none.

    It is negative if the rule stopped a trial at a measurement that was better than its final value, or predicted a
    better one, as the convex rule does.
    """
    best, recorded = found.best, study.best
    if best is None or best.value is None or recorded is None or recorded.value is None:
        return None
    return best.value - recorded.value if found.goal is Goal.MINIMIZE else recorded.value - best.value


def _stops(found: Replay, best: RecordedTrial) -> bool:
    return any(trial.is_stopped for trial in found.trials if trial.id == best.trial.id)
