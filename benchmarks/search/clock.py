"""A simulated clock: workers that fall free are given their next trial at once, and trials last unequally long."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hydra_vertex.job import Measurement, ParameterValue, Trial, TrialState

from .problem import METRIC, Problem

SHORTEST_S, LONGEST_S = 1.0, 3.0


class Engine(Protocol):
    """One search, of one problem with one seed."""

    def suggest(self, number: int, history: Sequence[Trial]) -> dict[str, ParameterValue]:
        """Parameters for the trial with that number, from 1. `history` is every earlier trial, running ones too."""


@dataclass(order=True)
class _Running:
    end_s: float
    index: int
    value: float | None = field(compare=False)


def simulate(problem: Problem, engine: Engine, seed: int, trials: int, parallel: int, in_batches: bool) -> list[Trial]:
    """The study's trials in the order of their start. In batches: all of one end before any of the next starts."""
    durations = random.Random(seed)  # noqa: S311 - a simulation
    history: list[Trial] = []
    running: list[_Running] = []
    now_s = 0.0
    while len(history) < trials or running:
        room = parallel - len(running) if not in_batches or not running else 0
        for _ in range(min(room, trials - len(history))):
            number = len(history) + 1
            parameters = engine.suggest(number, history)
            history.append(Trial(str(number), TrialState.ACTIVE, parameters))
            end_s = now_s + durations.uniform(SHORTEST_S, LONGEST_S)
            heapq.heappush(running, _Running(end_s, number - 1, problem.evaluate(parameters)))
        ended = heapq.heappop(running)
        now_s = ended.end_s
        history[ended.index] = ended_trial(history[ended.index], ended.value)
    return history


def ended_trial(trial: Trial, value: float | None) -> Trial:
    """The trial with its value; infeasible where it has none."""
    if value is None:
        return Trial(trial.id, TrialState.INFEASIBLE, trial.parameters, infeasible_reason="failed")
    final = Measurement({METRIC: value})
    return Trial(trial.id, TrialState.SUCCEEDED, trial.parameters, final_measurement=final)


def regrets(problem: Problem, history: Sequence[Trial]) -> list[float]:
    """After each trial in order of start, how far the best value so far is from the least; infinite before any."""
    best, found = float("inf"), []
    for trial in history:
        value = trial.objective(METRIC)
        best = best if value is None else min(best, value)
        found.append(best - problem.minimum)
    return found
