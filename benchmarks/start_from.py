"""Compare studies that begin with an earlier study (`run --start-from`) with studies that do not, over the same seeds.

The earlier study has 32 trials of the same optimiser on a variant of the problem:

- same: the same function
- scaled: 1,000 times the value plus 50,000
- other data: every number of a point is moved by 0.07 of its range, and the value has noise
- other space: ranges twice as wide, the first parameter is missing (it has the middle), one without effect is added
- other optimum: every number of a point is mirrored, and the categories are in the reverse order
- opposite: the negated value

One trial runs at a time. A cell has the median of the regret with and without the earlier study, and in how many seeds
the study with it ended better and worse. Before any trial the seeds of a pair differ in nothing but the earlier study.

With `--narrow`, the earlier study does what it can for Vertex AI: it narrows the search space (`submit --narrow`). The
search knows nothing else of it. Vertex AI's own search cannot be run here; `--random` shows a search without a model.

    python benchmarks/start_from.py [--seeds 10] [--trials 12 32] [--narrow] [--random] [--json FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.job import (
    Algorithm,
    Categorical,
    DoubleRange,
    HyperparameterTuningJob,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    Trial,
    TrialJobSpec,
)
from hydra_vertex.launcher.earlier.narrowing import narrow
from hydra_vertex.service.optimizer import Optimizer, optimizer_for
from hydra_vertex.service.optimizer.threads import one_thread
from search.clock import regrets, simulate
from search.functions import branin, doubles, hartmann6, numbers
from search.problem import Problem

EARLIER_TRIALS = 32
EARLIER_SEED = 1000
"""Added to a seed for its earlier study."""

Values = Mapping[str, ParameterValue]


def training(values: Values) -> float:
    """A loss as of a small training: an optimum of the learning rate for each optimiser, depth and dropout."""
    best_lr, floor = {"adam": (-3.0, 0.0), "sgd": (-1.2, 0.05), "lion": (-4.0, 0.02)}[str(values["optimizer"])]
    lr = math.log10(float(values["lr"]))
    steep = 0.3 * (lr - best_lr) ** 2 * (2.0 if lr > best_lr else 1.0)
    return floor + steep + 0.02 * abs(float(values["depth"]) - 6) + 0.8 * (float(values["dropout"]) - 0.15) ** 2


PROBLEMS = (
    Problem("Branin", doubles((-5.0, 10.0), (0.0, 15.0)), lambda p: branin(numbers(p)), 0.39788735772973816),
    Problem("Hartmann-6", doubles(*((0.0, 1.0),) * 6), lambda p: hartmann6(numbers(p)), -3.322368011391339),
    Problem(
        "Training",
        (
            ParameterSpec("lr", DoubleRange(1e-6, 1e0), ScaleType.LOG),
            ParameterSpec("depth", IntegerRange(1, 12)),
            ParameterSpec("dropout", DoubleRange(0.0, 0.6)),
            ParameterSpec("optimizer", Categorical(("sgd", "lion", "adam"))),
        ),
        training,
        0.0,
    ),
)


def moved(spec: ParameterSpec, value: ParameterValue, by: float, *, mirrored: bool = False) -> ParameterValue:
    """Return a value of the parameter moved by a share of its range and mirrored; a category is only mirrored."""
    match spec.domain:
        case Categorical(names):
            return names[len(names) - 1 - names.index(str(value))] if mirrored else value
        case DoubleRange(low, high) | IntegerRange(low, high) if spec.scale is ScaleType.LOG:
            a, b, x = math.log(low), math.log(high), math.log(float(value))
            x = a + b - x if mirrored else x
            return math.exp(min(max(x + by * (b - a), a), b))
        case DoubleRange(low, high) | IntegerRange(low, high):
            x = low + high - float(value) if mirrored else float(value)
            return min(max(x + by * (high - low), low), high)
    raise AssertionError(spec)


def changed(problem: Problem, by: float = 0.0, *, mirrored: bool = False, noise: float = 0.0) -> Problem:
    random_noise = random.Random(0)  # noqa: S311 - a simulation
    specs = {spec.id: spec for spec in problem.parameters}

    def evaluate(values: Values) -> float | None:
        at = {name: moved(specs[name], value, by, mirrored=mirrored) for name, value in values.items()}
        value = problem.evaluate(at)
        return None if value is None else value + random_noise.gauss(0.0, noise)

    return Problem(problem.name, problem.parameters, evaluate, problem.minimum)


def valued(problem: Problem, change: Callable[[float], float]) -> Problem:
    def evaluate(values: Values) -> float | None:
        value = problem.evaluate(values)
        return None if value is None else change(value)

    return Problem(problem.name, problem.parameters, evaluate, problem.minimum)


def in_other_space(problem: Problem) -> Problem:
    """Return the problem without its first parameter, with another one, and with ranges twice as wide."""
    missing, *others = problem.parameters
    wide = [ParameterSpec(spec.id, wider(spec), spec.scale) for spec in others]
    added = ParameterSpec("without effect", DoubleRange(0.0, 1.0))
    middle = moved(missing, lower_end(missing), 0.5)
    specs = {spec.id: spec for spec in others}

    def evaluate(values: Values) -> float | None:
        inside = {name: moved(specs[name], value, 0.0) for name, value in values.items() if name in specs}
        return problem.evaluate({missing.id: middle, **inside})

    return Problem(problem.name, (*wide, added), evaluate, problem.minimum)


def wider(spec: ParameterSpec) -> DoubleRange | IntegerRange | Categorical:
    match spec.domain:
        case DoubleRange(low, high):
            half = (high - low) / 2
            return DoubleRange(low - half, high + half)
        case IntegerRange(low, high):
            return IntegerRange(low, 2 * high)
        case Categorical(names):
            return Categorical(names)
    raise AssertionError(spec)


def lower_end(spec: ParameterSpec) -> float:
    assert isinstance(spec.domain, DoubleRange)
    return spec.domain.min


VARIANTS: Mapping[str, Callable[[Problem], Problem]] = {
    "same": lambda problem: problem,
    "scaled": lambda problem: valued(problem, lambda value: 1e3 * value + 5e4),
    "other data": lambda problem: changed(problem, 0.07, noise=0.02),
    "other space": in_other_space,
    "other optimum": lambda problem: changed(problem, mirrored=True),
    "opposite": lambda problem: valued(problem, lambda value: -value),
}


@dataclass(frozen=True)
class Service:
    """The service's optimiser, for one seed."""

    optimizer: Optimizer

    def suggest(self, number: int, history: Sequence[Trial]) -> dict[str, ParameterValue]:
        return dict(self.optimizer.suggest(number, history))


def service(problem: Problem, seed: int, trials: int, earlier: Sequence[HyperparameterTuningJob] = ()) -> Service:
    return Service(optimizer_for(problem.study_spec, f"seed {seed}", trials, earlier))


def study_of(problem: Problem, seed: int) -> HyperparameterTuningJob:
    history = simulate(problem, service(problem, seed, EARLIER_TRIALS), seed, EARLIER_TRIALS, 1, False)
    return HyperparameterTuningJob(
        display_name=problem.name,
        study_spec=problem.study_spec,
        trial_job_spec=TrialJobSpec(worker_pools=()),
        max_trial_count=EARLIER_TRIALS,
        parallel_trial_count=1,
        trials=tuple(history),
    )


Search = Callable[[Problem, int, int, tuple[HyperparameterTuningJob, ...]], Service]


def random_search(problem: Problem, seed: int, trials: int, earlier: Sequence[HyperparameterTuningJob] = ()) -> Service:
    spec = dataclasses.replace(problem.study_spec, algorithm=Algorithm.RANDOM_SEARCH)
    return Service(optimizer_for(spec, f"seed {seed}", trials, earlier))


def narrowed(problem: Problem, study: HyperparameterTuningJob) -> Problem:
    """Return the problem in the space of the best trials of the study."""
    found = narrow(problem.study_spec, (study,))
    assert found is not None, "every variant has trials in the search space"
    return dataclasses.replace(problem, parameters=found.spec.parameters)


def final_regret(
    problem: Problem, search: Search, seed: int, trials: int, earlier: tuple[HyperparameterTuningJob, ...] = ()
) -> float:
    return regrets(problem, simulate(problem, search(problem, seed, trials, earlier), seed, trials, 1, False))[-1]


def regret_with(
    problem: Problem, search: Search, seed: int, trials: int, study: HyperparameterTuningJob, *, narrows: bool
) -> float:
    """Return the regret of a study that begins with an earlier one, or whose space the earlier one narrows."""
    if narrows:
        return final_regret(narrowed(problem, study), search, seed, trials)
    return final_regret(problem, search, seed, trials, (study,))


def compared(
    problem: Problem, search: Search, seeds: int, budgets: list[int], *, narrows: bool
) -> list[dict[str, object]]:
    """Return one row for each variant and budget."""
    without = {trials: [final_regret(problem, search, seed, trials) for seed in range(seeds)] for trials in budgets}
    rows: list[dict[str, object]] = []
    for name, variant in VARIANTS.items():
        studies = [study_of(variant(problem), EARLIER_SEED + seed) for seed in range(seeds)]
        for trials in budgets:
            found = [
                regret_with(problem, search, seed, trials, study, narrows=narrows) for seed, study in enumerate(studies)
            ]
            rows.append(row(problem.name, name, trials, found, without[trials]))
            print(as_text(rows[-1]), flush=True)
    return rows


def row(problem: str, variant: str, trials: int, found: list[float], without: list[float]) -> dict[str, object]:
    pairs = list(zip(found, without, strict=True))
    return {
        "problem": problem,
        "earlier": variant,
        "trials": trials,
        "with": statistics.median(found),
        "without": statistics.median(without),
        "better": sum(a < b for a, b in pairs),
        "worse": sum(a > b for a, b in pairs),
    }


def as_text(row: Mapping[str, object]) -> str:
    cells = [row["problem"], row["earlier"], row["trials"], f"{row['with']:.3g}", f"{row['without']:.3g}"]
    return f"| {' | '.join(str(cell) for cell in cells)} | {row['better']} : {row['worse']} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, nargs="+", default=[12, 32])
    parser.add_argument("--problem", nargs="+", default=[problem.name for problem in PROBLEMS])
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("--random", action="store_true", help="random search, which needs --narrow")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.random and not arguments.narrow:
        parser.error("--random: random search uses no earlier study unless it narrows the space; add --narrow")
    print("| problem | earlier study | trials | with | without | better : worse |\n|---|---|---|---|---|---|")
    with one_thread():
        chosen = [problem for problem in PROBLEMS if problem.name in arguments.problem]
        search = random_search if arguments.random else service
        rows = [
            row
            for problem in chosen
            for row in compared(problem, search, arguments.seeds, arguments.trials, narrows=arguments.narrow)
        ]
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
