"""Simulate a study with a stopping rule: parallel trials on a simulated clock, the rule applied to each measurement."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

import optuna

from hydra_vertex.job import Goal, Measurement, MetricSpec, StudySpec, Trial, TrialState
from hydra_vertex.service.replay.clock import run_clock
from hydra_vertex.service.replay.endings import completed, stopped
from hydra_vertex.service.stopping import EarlyStop, decide
from hydra_vertex.service.stopping.decay_curve import MIN_MEASUREMENTS

from .methods import Method
from .optimisers import METRIC, TRIALS, Optimiser, OptunaOptimiser, ServiceOptimiser
from .recorded import Curve, Recorded

PARALLEL = 4
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass
class Run:
    """One trial of a simulated study."""

    study: Study
    number: int
    curve: Curve
    trial: Trial
    started_s: float
    made: int = 0

    @property
    def next_s(self) -> float:
        return self.started_s + self.curve[self.made][1]

    def advance(self, now_s: float, /) -> bool:
        """Make the next measurement. Returns False if the trial ends with it."""
        return self.study.measure(self, now_s)


@dataclass(frozen=True)
class Result:
    """The result of a study.

    `share` is the share of the measurements that were made, `regret` the best final value minus that of the best
    recorded run, `stopped` the number of stopped trials. `wrongly` is the number of those that would have ended better
    than every complete trial that had ended before.
    """

    share: float
    regret: float
    stopped: int
    wrongly: int
    slowest_decision_ms: float


class Study:
    """One simulated study."""

    def __init__(self, recorded: Recorded, method: Method, optimiser: str, seed: int) -> None:
        self.recorded, self.method = recorded, method
        self.optimiser = _optimiser(recorded, method, optimiser, seed)
        self.spec = StudySpec((MetricSpec(METRIC, Goal.MINIMIZE),), (), automated_stopping=method.rule)
        self.trial_count = round(method.trials_share * TRIALS[recorded.name])
        self.trials: list[Trial] = []
        self.used: set[int] = set()
        self.made = self.full = 0
        self.stopped = self.wrongly = 0
        self.slowest_s = 0.0

    def run(self) -> Result:
        """Run the study to its end."""
        run_clock(self._start, PARALLEL)
        best = min(value for trial in self.trials if (value := trial.objective(METRIC)) is not None)
        share = self.method.trials_share * self.made / self.full
        return Result(share, best - self.recorded.best, self.stopped, self.wrongly, 1000 * self.slowest_s)

    def _start(self, now_s: float) -> Run | None:
        number = len(self.trials) + 1
        if number > self.trial_count:
            return None
        chosen = self.recorded.nearest(self.optimiser.suggest(number, self.trials), self.used)
        self.used.add(chosen)
        point = self.recorded.points[chosen]
        self.optimiser.given(number, point)
        run = Run(self, number, self.recorded.curves[chosen], Trial(str(number), TrialState.ACTIVE, point), now_s)
        self.trials.append(run.trial)
        self.full += len(run.curve)
        return run

    def measure(self, run: Run, now_s: float) -> bool:
        """Make the next measurement. Returns False if the trial ends with it."""
        step, seconds, value = run.curve[run.made]
        run.made += 1
        self.made += 1
        measurement = Measurement({METRIC: value}, step, seconds)
        run.trial = replace(run.trial, measurements=(*run.trial.measurements, measurement))
        is_complete = run.made == len(run.curve)
        stop = None if is_complete else self._stop(run, value)
        if stop is not None:
            self._count(run.curve[-1][2])
        if is_complete or stop is not None:
            run.trial = _ended(run.trial, stop, now_s, self.spec)
            is_pruned = stop is not None and self.method.reported_as == "pruned"
            self.optimiser.tell(run.number, None if is_pruned else run.trial.objective(METRIC))
        self.trials[run.number - 1] = run.trial
        return not is_complete and stop is None

    def _count(self, final: float) -> None:
        """Count a stopped trial, which would have ended with the value `final`."""
        self.stopped += 1
        self.wrongly += final < self._best_complete(final)

    def _best_complete(self, default: float) -> float:
        ended = (trial for trial in self.trials if trial.state is TrialState.SUCCEEDED and not trial.stopped_early)
        values = [value for trial in ended if (value := trial.objective(METRIC)) is not None]
        return min(values, default=default)

    def _perfect_stop(self, run: Run) -> EarlyStop | None:
        step, seconds, final = run.curve[-1]
        if run.made < MIN_MEASUREMENTS or final < self._best_complete(math.inf):
            return None
        return EarlyStop("it will not end as the best", Measurement({METRIC: final}, step, seconds))

    def _stop(self, run: Run, value: float) -> EarlyStop | None:
        prunes = self.optimiser.report(run.number, value, run.made)
        if self.method.knows_ends:
            return self._perfect_stop(run)
        if self.method.rule is None:
            return EarlyStop("pruned") if prunes and self.method.pruner is not None else None
        began = time.perf_counter()
        stop = decide(self.spec, run.trial, self.trials)
        self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
        return stop


def _ended(trial: Trial, stop: EarlyStop | None, now_s: float, spec: StudySpec) -> Trial:
    now = BEGIN + timedelta(seconds=now_s)
    return completed(trial, trial.measurements[-1], now) if stop is None else stopped(trial, stop, spec, now)


def _optimiser(recorded: Recorded, method: Method, name: str, seed: int) -> Optimiser:
    if name == "hydra-vertex":
        return ServiceOptimiser(recorded.name, seed, hides_stops=method.reported_as == "last")
    longest = max(len(curve) for curve in recorded.curves)
    pruner = method.pruner(longest) if method.pruner else optuna.pruners.NopPruner()
    return OptunaOptimiser(recorded.name, seed, name, pruner)
