"""Compare optimisers of several objectives: the part of the best possible hypervolume after 48 trials, 4 at once.

    python benchmarks/several_objectives.py --seeds 20

A trial ends before the next one of its worker starts, and all trials take equally long.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported: one core

import numpy as np

from hydra_vertex.job import (
    Algorithm,
    DoubleRange,
    Goal,
    Measurement,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    Trial,
    TrialState,
)
from hydra_vertex.service.optimizer import optimizer_for
from timing import print_table

if TYPE_CHECKING:
    import optuna

TRIALS = 48
PARALLEL = 4

Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Objectives to minimise on the unit cube. `best` is the hypervolume of the true front up to `reference`."""

    name: str
    dimensions: int
    evaluate: Callable[[Sequence[float]], Values]
    reference: Values
    best: float

    @property
    def names(self) -> list[str]:
        return [f"x{index}" for index in range(self.dimensions)]


def branin_currin(x: Sequence[float]) -> Values:
    """Two objectives of two parameters; the form and the reference point of BoTorch's test problem."""
    u, v = 15.0 * x[0] - 5.0, 15.0 * x[1]
    branin = (v - 5.1 / (4 * math.pi**2) * u**2 + 5 / math.pi * u - 6) ** 2
    branin += 10 * (1 - 1 / (8 * math.pi)) * math.cos(u) + 10
    factor = 1.0 if x[1] == 0 else 1 - math.exp(-1 / (2 * x[1]))
    above = 2300 * x[0] ** 3 + 1900 * x[0] ** 2 + 2092 * x[0] + 60
    return branin, factor * above / (100 * x[0] ** 3 + 500 * x[0] ** 2 + 4 * x[0] + 20)


def zdt1(x: Sequence[float]) -> Values:
    """Zitzler, Deb and Thiele (2000): the front is where all parameters but the first are 0."""
    g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
    return x[0], g * (1 - math.sqrt(x[0] / g))


def dtlz2(x: Sequence[float]) -> Values:
    """Deb, Thiele, Laumanns and Zitzler (2002), three objectives: the front is an eighth of a sphere."""
    g = 1 + sum((value - 0.5) ** 2 for value in x[2:])
    a, b = x[0] * math.pi / 2, x[1] * math.pi / 2
    return g * math.cos(a) * math.cos(b), g * math.cos(a) * math.sin(b), g * math.sin(a)


PROBLEMS = (
    Problem("Branin-Currin, 2 parameters", 2, branin_currin, (18.0, 6.0), 59.36011874867746),
    Problem("ZDT1, 5 parameters", 5, zdt1, (1.1, 5.0), 5 - 1 / 3 + 0.1 * 5),
    Problem("DTLZ2, 3 objectives, 5 parameters", 5, dtlz2, (1.1, 1.1, 1.1), 1.1**3 - math.pi / 6),
)


class Service:
    """The service's optimiser."""

    def __init__(self, problem: Problem, seed: int, algorithm: Algorithm = Algorithm.BAYESIAN) -> None:
        metrics = tuple(MetricSpec(f"f{index}", Goal.MINIMIZE) for index in range(len(problem.reference)))
        parameters = tuple(ParameterSpec(name, DoubleRange(0.0, 1.0)) for name in problem.names)
        self._optimizer = optimizer_for(StudySpec(metrics, parameters, algorithm), str(seed), TRIALS)
        self._names = problem.names
        self._history: list[Trial] = []

    def ask(self) -> list[float]:
        number = len(self._history) + 1
        parameters = dict(self._optimizer.suggest(number, self._history))
        self._history.append(Trial(str(number), TrialState.ACTIVE, parameters))
        return [float(parameters[name]) for name in self._names]

    def tell(self, index: int, values: Values) -> None:
        final = Measurement({f"f{objective}": value for objective, value in enumerate(values)})
        known = self._history[index]
        self._history[index] = Trial(known.id, TrialState.SUCCEEDED, known.parameters, final_measurement=final)


class Random(Service):
    """The service's random search."""

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed, Algorithm.RANDOM_SEARCH)


class Optuna:
    """A sampler of Optuna by its ask-and-tell interface."""

    def __init__(self, problem: Problem, sampler: optuna.samplers.BaseSampler) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(directions=["minimize"] * len(problem.reference), sampler=sampler)
        self._names = problem.names
        self._asked: list[optuna.Trial] = []

    def ask(self) -> list[float]:
        self._asked.append(self._study.ask())
        return [self._asked[-1].suggest_float(name, 0.0, 1.0) for name in self._names]

    def tell(self, index: int, values: Values) -> None:
        self._study.tell(self._asked[index], list(values))


def _tpe(problem: Problem, seed: int) -> Optuna:
    import optuna

    return Optuna(problem, optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True))


def _nsga(problem: Problem, seed: int) -> Optuna:
    """With a population that fits the number of trials: with the default of 50 all 48 would be random."""
    import optuna

    return Optuna(problem, optuna.samplers.NSGAIISampler(seed=seed, population_size=12))


def _gp(problem: Problem, seed: int) -> Optuna:
    import optuna

    return Optuna(problem, optuna.samplers.GPSampler(seed=seed))


ENGINES: Mapping[str, Callable[[Problem, int], Service | Optuna]] = {
    "service": Service,
    "Optuna NSGA-II": _nsga,
    "Optuna TPE": _tpe,
    "Optuna GP": _gp,
    "random": Random,
}


def simulate(problem: Problem, engine: Service | Optuna) -> list[Values]:
    """Return the values of all trials."""
    points: list[list[float]] = []
    values: list[Values] = []
    while len(values) < TRIALS:
        while len(points) < min(TRIALS, len(values) + PARALLEL):
            points.append(engine.ask())
        values.append(problem.evaluate(points[len(values)]))
        engine.tell(len(values) - 1, values[-1])
    return values


def hypervolume(values: Sequence[Values], reference: Values) -> float:
    """Return the volume that the values dominate, up to the reference; by slices of the last objective."""
    points = np.array([point for point in values if all(map(float.__lt__, point, reference))])
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(reference[0] - points.min())
    points = points[np.argsort(points[:, -1])]
    ends = [*points[1:, -1], reference[-1]]
    return sum(
        (end - point[-1]) * hypervolume([tuple(p) for p in points[: index + 1, :-1]], reference[:-1])
        for index, (point, end) in enumerate(zip(points, ends, strict=True))
        if end > point[-1]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/several"), help="folder in which each run is stored")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--problem", default="", help="only problems whose name contains this text")
    options = parser.parse_args()
    problems = [problem for problem in PROBLEMS if options.problem.lower() in problem.name.lower()]
    rows = []
    for problem in problems:
        for name in options.engines:
            parts = [_part(options.folder, problem, name, seed) for seed in range(options.seeds)]
            quarter, middle, three_quarters = statistics.quantiles(parts, n=4)
            rows.append([problem.name, name, f"{middle:.1%}", f"{quarter:.1%} to {three_quarters:.1%}"])
    print_table(["problem", "optimiser", "median", "quartiles"], rows)


def _part(folder: Path, problem: Problem, engine: str, seed: int) -> float:
    """Return the part of the best possible hypervolume that a run reaches."""
    file = folder / f"{problem.name}-{engine}-{seed}.json"
    if not file.exists():
        values = simulate(problem, ENGINES[engine](problem, seed))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    values = [tuple(point) for point in json.loads(file.read_text())]
    return hypervolume(values, problem.reference) / problem.best


if __name__ == "__main__":
    main()
