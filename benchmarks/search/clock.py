"""Simulate a study: trials of unequal length on parallel workers, asynchronously or in batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hydra_vertex.job import Measurement, ParameterValue, Trial, TrialState
from hydra_vertex.service.replay.clock import run_clock

from .problem import METRIC, Problem

MIN_DURATION_S, MAX_DURATION_S = 1.0, 3.0


class Engine(Protocol):
    """One search of one problem, with one seed."""

    def suggest(self, number: int, history: Sequence[Trial]) -> dict[str, ParameterValue]:
        """Return the parameters of the trial with that number, from 1.

        `history` has every earlier trial, running ones included.
        """


@dataclass(frozen=True)
class _Running:
    number: int
    next_s: float
    value: float | None
    history: list[Trial]

    def advance(self, _now_s: float, /) -> bool:
        """End the trial: it is measured once."""
        self.history[self.number - 1] = ended_trial(self.history[self.number - 1], self.value)
        return False


def simulate(problem: Problem, engine: Engine, seed: int, trials: int, parallel: int, in_batches: bool) -> list[Trial]:
    """Return the trials in the order of their start.

    A free worker gets the next trial at once. With `in_batches` all trials of a batch end before the next batch starts.
    """
    durations = random.Random(seed)  # noqa: S311 - a simulation
    history: list[Trial] = []

    def start(now_s: float) -> _Running | None:
        number = len(history) + 1
        if number > trials:
            return None
        parameters = engine.suggest(number, history)
        history.append(Trial(str(number), TrialState.ACTIVE, parameters))
        end_s = now_s + durations.uniform(MIN_DURATION_S, MAX_DURATION_S)
        return _Running(number, end_s, problem.evaluate(parameters), history)

    run_clock(start, parallel, in_batches=in_batches)
    return history


def ended_trial(trial: Trial, value: float | None) -> Trial:
    """Return the trial with its final value; infeasible if `value` is None."""
    if value is None:
        return Trial(trial.id, TrialState.INFEASIBLE, trial.parameters, infeasible_reason="failed")
    final = Measurement({METRIC: value})
    return Trial(trial.id, TrialState.SUCCEEDED, trial.parameters, final_measurement=final)


def regrets(problem: Problem, history: Sequence[Trial]) -> list[float]:
    """Return the regret after each trial, in order of start; infinite without a value.

    It is the loss of the best trial so far minus the minimum. With noise, the best trial is the one with the best
    measured value, and its loss is the one without noise.
    """
    best, loss, found = float("inf"), float("inf"), []
    for trial in history:
        value = trial.objective(METRIC)
        if value is not None and value < best:
            best, loss = value, value if problem.true_loss is None else problem.true_loss(trial.parameters)
        found.append(loss - problem.minimum)
    return found
