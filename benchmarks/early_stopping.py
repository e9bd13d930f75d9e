"""What each stopping rule saves and what it costs, on learning curves of real training.

    python benchmarks/early_stopping.py [--seeds 20] [--sampler tpe gp] [--json]   # gp needs torch and SciPy

The curves were recorded by benchmarks/curves/record.py: the sample GPT on its own corpus, and an MLP on scikit-learn's
digits. A study asks its optimiser for a point, and gets the curve of the recorded run nearest to it, measurement by
measurement, on a simulated clock with 4 trials at a time; the rule is asked after each. "Steps" is the share of all
measurements that were made, "regret" how much worse the best trial is than the best recorded run, as a mean over the
seeds with its standard error. Every rule sees the same seeds; the decay curve rule's constants were chosen on others.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import optuna

from curves.record import SPACES, Point
from hydra_vertex.launcher.job import (
    AutomatedStopping,
    ConvexStopping,
    DecayCurveStopping,
    Goal,
    Measurement,
    MedianStopping,
    MetricSpec,
    StudySpec,
    Trial,
    TrialState,
)
from hydra_vertex.service.stopping import decide

CURVES = Path(__file__).resolve().parent / "curves"
PARALLEL = 4
FIRST_SEED = 1000
"""Seeds from 0 on were used to choose the decay curve rule's constants."""

TRIALS = {"gpt": 32, "digits": 48}
METRIC = "loss"


@dataclass(frozen=True)
class Recorded:
    """All runs of one kind: their points in the unit cube, and their curves of (step, seconds, value)."""

    name: str
    units: tuple[tuple[float, ...], ...]
    points: tuple[Point, ...]
    curves: tuple[tuple[tuple[int, float, float], ...], ...]

    @property
    def best(self) -> float:
        return min(curve[-1][2] for curve in self.curves)

    def nearest(self, point: Point) -> int:
        return int(((np.array(self.units) - unit_of(self.name, point)) ** 2).sum(axis=1).argmin())


def load(name: str) -> Recorded:
    runs = json.loads((CURVES / f"{name}.json").read_text())
    points = tuple(run["point"] for run in runs)
    curves = tuple(curve_of(run["interval"], run["seconds"], run["values"]) for run in runs)
    return Recorded(name, tuple(unit_of(name, point) for point in points), points, curves)


def curve_of(interval: int, seconds: float, values: Sequence[float]) -> tuple[tuple[int, float, float], ...]:
    count = len(values)
    return tuple((interval * n, seconds * n / count, value) for n, value in enumerate(values, start=1))


def unit_of(name: str, point: Point) -> tuple[float, ...]:
    def unit(key: str) -> float:
        low, high, kind = SPACES[name][key]
        scale = math.log if "log" in kind else float
        return (scale(point[key]) - scale(low)) / (scale(high) - scale(low))

    return tuple(unit(key) for key in SPACES[name])


@dataclass
class Run:
    """One trial of a simulated study."""

    asked: optuna.Trial
    curve: Sequence[tuple[int, float, float]]
    trial: Trial
    started: float
    made: int = 0


Rule = Callable[[Run, Sequence[Trial]], bool]


def ours(rule: AutomatedStopping) -> Rule:
    spec = StudySpec((MetricSpec(METRIC, Goal.MINIMIZE),), (), automated_stopping=rule)

    def is_stopped(run: Run, trials: Sequence[Trial]) -> bool:
        return decide(spec, run.trial, trials) is not None

    return is_stopped


def by_pruner(run: Run, _trials: Sequence[Trial]) -> bool:
    run.asked.report(run.trial.measurements[-1].metrics[METRIC], run.made)
    return run.asked.should_prune()


@dataclass(frozen=True)
class Method:
    """A rule, the pruner that stands for it where it is Optuna's, and how a stopped trial is told to the optimiser."""

    name: str
    rule: Rule | None
    pruner: Callable[[int], optuna.pruners.BasePruner] = field(default=lambda _length: optuna.pruners.NopPruner())
    tells_pruned: bool = False


OURS = {
    "median": MedianStopping(),
    "median, by seconds": MedianStopping(use_elapsed_duration=True),
    "decay curve": DecayCurveStopping(),
    "convex": ConvexStopping(),
}
PRUNERS: dict[str, Callable[[int], optuna.pruners.BasePruner]] = {
    "Optuna MedianPruner": lambda _length: optuna.pruners.MedianPruner(),
    "Optuna PercentilePruner(25)": lambda _length: optuna.pruners.PercentilePruner(25.0),
    "Optuna SuccessiveHalving (ASHA)": lambda _length: optuna.pruners.SuccessiveHalvingPruner(),
    "Optuna Hyperband": lambda length: optuna.pruners.HyperbandPruner(max_resource=length),
}
METHODS = {
    method.name: method
    for method in (
        Method("no stopping", None),
        *(Method(name, ours(rule)) for name, rule in OURS.items()),
        *(Method(f"{name}, told as pruned", ours(OURS[name]), tells_pruned=True) for name in ("median", "decay curve")),
        *(Method(name, by_pruner, pruner, tells_pruned=True) for name, pruner in PRUNERS.items()),
        *(Method(f"{name}, told its last value", by_pruner, PRUNERS[name]) for name in list(PRUNERS)[:3:2]),
    )
}


@dataclass(frozen=True)
class Result:
    share: float
    regret: float
    decision_ms: float


class Study:
    """One simulated study."""

    def __init__(self, recorded: Recorded, method: Method, sampler: str, seed: int) -> None:
        self.recorded, self.method = recorded, method
        pruner = method.pruner(max(len(curve) for curve in recorded.curves))
        self.optuna = optuna.create_study(sampler=sampler_of(sampler, seed), pruner=pruner)
        self.trials: list[Trial] = []
        self.made = self.full = 0
        self.decisions: list[float] = []

    def run(self) -> Result:
        events: list[tuple[float, int, Run]] = []
        for _ in range(PARALLEL):
            self.start(0.0, events)
        while events:
            now, _, run = heapq.heappop(events)
            if self.measure(run):
                push(events, run)
            elif len(self.trials) < TRIALS[self.recorded.name]:
                self.start(now, events)
        finals = [trial.objective(METRIC) for trial in self.trials]
        best = min(value for value in finals if value is not None)
        slowest = 1000 * max(self.decisions, default=0.0)
        return Result(self.made / self.full, best - self.recorded.best, slowest)

    def start(self, now: float, events: list[tuple[float, int, Run]]) -> None:
        asked = self.optuna.ask()
        index = self.recorded.nearest(suggested(asked, self.recorded.name))
        parameters = {name: float(value) for name, value in self.recorded.points[index].items()}
        trial = Trial(id=str(len(self.trials) + 1), state=TrialState.ACTIVE, parameters=parameters)
        self.trials.append(trial)
        run = Run(asked, self.recorded.curves[index], trial, now)
        self.full += len(run.curve)
        push(events, run)

    def measure(self, run: Run) -> bool:
        """Make the next measurement; False when the trial ends with it."""
        step, seconds, value = run.curve[run.made]
        run.made += 1
        self.made += 1
        measurement = Measurement({METRIC: value}, step, seconds)
        run.trial = replace(run.trial, measurements=(*run.trial.measurements, measurement))
        is_whole = run.made == len(run.curve)
        is_stopped = not is_whole and self.asks_to_stop(run)
        if is_whole or is_stopped:
            run.trial = replace(
                run.trial,
                state=TrialState.SUCCEEDED,
                final_measurement=measurement,
                stopping_reason="stopped" if is_stopped else "",
            )
            self.tell(run, value, is_stopped)
        self.trials[int(run.trial.id) - 1] = run.trial
        return not (is_whole or is_stopped)

    def asks_to_stop(self, run: Run) -> bool:
        if self.method.rule is None:
            return False
        began = time.perf_counter()
        is_stopped = self.method.rule(run, self.trials)
        self.decisions.append(time.perf_counter() - began)
        return is_stopped

    def tell(self, run: Run, value: float, is_stopped: bool) -> None:
        if is_stopped and self.method.tells_pruned:
            if self.method.rule is not by_pruner:
                run.asked.report(value, run.made)
            self.optuna.tell(run.asked, state=optuna.trial.TrialState.PRUNED)
        else:
            self.optuna.tell(run.asked, value)


def push(events: list[tuple[float, int, Run]], run: Run) -> None:
    heapq.heappush(events, (run.started + run.curve[run.made][1], int(run.trial.id), run))


def suggested(asked: optuna.Trial, name: str) -> Point:
    def suggest(key: str) -> float:
        low, high, kind = SPACES[name][key]
        if "integer" in kind:
            step = 16 if "by 16" in kind else 1
            return asked.suggest_int(key, int(low), int(high), step=step, log="log" in kind)
        return asked.suggest_float(key, low, high, log="log" in kind)

    return {key: suggest(key) for key in SPACES[name]}


def sampler_of(name: str, seed: int) -> optuna.samplers.BaseSampler:
    if name == "tpe":
        return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=10)


@dataclass(frozen=True)
class Row:
    curves: str
    sampler: str
    method: str
    share: float
    regret: float
    regret_error: float
    slowest_decision_ms: float


def row(recorded: Recorded, sampler: str, method: Method, seeds: Iterable[int]) -> Row:
    results = [Study(recorded, method, sampler, seed).run() for seed in seeds]
    regrets = [result.regret for result in results]
    return Row(
        recorded.name,
        sampler,
        method.name,
        statistics.fmean(result.share for result in results),
        statistics.fmean(regrets),
        statistics.stdev(regrets) / math.sqrt(len(regrets)) if len(regrets) > 1 else 0.0,
        max(result.decision_ms for result in results),
    )


def table(rows: Sequence[Row]) -> str:
    lines = ["| Curves | Optimiser | Rule | Steps | Regret |", "| --- | --- | --- | ---: | ---: |"]
    lines += [
        f"| {r.curves} | {r.sampler} | {r.method} | {r.share:.0%} | {r.regret:.4f} ± {r.regret_error:.4f} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="studies for each row (20)")
    parser.add_argument("--sampler", nargs="+", default=["tpe"], choices=["tpe", "gp", "random"])
    parser.add_argument("--curves", nargs="+", default=["gpt", "digits"], choices=["gpt", "digits"])
    parser.add_argument("--method", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for name in arguments.curves:
        compute = partial(row, load(name), seeds=range(FIRST_SEED, FIRST_SEED + arguments.seeds))
        for sampler in arguments.sampler:
            for method in arguments.method:
                rows.append(compute(sampler, METHODS[method]))
                print(rows[-1], file=sys.stderr, flush=True)
    print(json.dumps([asdict(r) for r in rows], indent=2) if arguments.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
