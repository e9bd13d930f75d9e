"""Compare stopping rules: the training steps that each saves and the regret that it adds, on recorded curves.

    python benchmarks/early_stopping.py [--seeds 100] [--optimiser hydra-vertex tpe] [--json]   # gp needs torch

benchmarks/curves/record.py recorded the learning curves: the sample GPT on its own corpus, and an MLP on scikit-learn's
digits. A simulated study asks its optimiser for a point. The trial is the recorded run nearest to that point among the
runs not used before, and has the point of that run. Its measurements are made one by one on a simulated clock, 4 trials
at a time, and the rule is applied after each. (If a run could be used twice, an optimiser that samples the best region
densely would get the same run many times.)

The columns. Steps: the share of all measurements that were made. Regret: the best trial's final value minus that of the
best recorded run; mean and standard error over the seeds. More than without: mean and standard error of the difference
to the study with the same seed without stopping. Wrongly: the share of the stopped trials that would have ended better
than every complete trial that had ended when they were stopped.

The constants of the decay curve rule were chosen on other seeds. 100 studies of every row take half an hour on two
cores, with one process for each of the `--curves`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are imported: one core each

import optuna

from stopping.methods import METHODS, Method
from stopping.recorded import Recorded, load
from stopping.study import Study

OPTIMISERS = ("hydra-vertex", "tpe", "gp", "random")
FIRST_SEED = 1000
"""The seeds from 0 to 299 were used to choose the constants of the decay curve rule (`--first-seed 0`)."""


@dataclass(frozen=True)
class Row:
    """The results of one rule. `regrets`: one for each seed, in the same order in every row."""

    curves: str
    optimiser: str
    method: str
    share: float
    regrets: tuple[float, ...]
    wrongly_stopped: float | None
    slowest_decision_ms: float


def row(recorded: Recorded, optimiser: str, method: Method, seeds: Iterable[int]) -> Row:
    results = [Study(recorded, method, optimiser, seed).run() for seed in seeds]
    stopped = sum(result.stopped for result in results)
    return Row(
        recorded.name,
        optimiser,
        method.name,
        statistics.fmean(result.share for result in results),
        tuple(result.regret for result in results),
        sum(result.wrongly for result in results) / stopped if stopped else None,
        max(result.slowest_decision_ms for result in results),
    )


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return statistics.fmean(values), error


def added_regret(one: Row, rows: Sequence[Row]) -> str:
    """Return the mean difference of the regret to no stopping, paired by seed; empty if no stopping was not run."""
    base = [r for r in rows if (r.curves, r.optimiser, r.method) == (one.curves, one.optimiser, METHODS[0].name)]
    if not base or base[0] is one:
        return ""
    pairs = zip(one.regrets, base[0].regrets, strict=True)
    mean, error = mean_and_error([regret - without for regret, without in pairs])
    return f"{round(mean, 4) + 0.0:+.4f} ± {error:.4f}"  # no -0.0000


def line(one: Row, rows: Sequence[Row]) -> str:
    mean, error = mean_and_error(one.regrets)
    wrongly = "" if one.wrongly_stopped is None else f"{one.wrongly_stopped:.1%}"
    cells = (
        one.curves,
        one.optimiser,
        one.method,
        f"{one.share:.0%}",
        f"{mean:.4f} ± {error:.4f}",
        added_regret(one, rows),
    )
    return f"| {' | '.join(cells)} | {wrongly} |"


def table(rows: Sequence[Row]) -> str:
    head = ["| Curves | Optimiser | Rule | Steps | Regret | More than without | Wrongly |"]
    return "\n".join([*head, "| --- | --- | --- | ---: | ---: | ---: | ---: |", *(line(one, rows) for one in rows)])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="number of studies for each row (100)")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="the first seed of these studies (1000)")
    parser.add_argument("--optimiser", nargs="+", default=["hydra-vertex", "tpe"], choices=OPTIMISERS)
    parser.add_argument("--curves", nargs="+", default=["gpt", "digits"], choices=["gpt", "digits"])
    names = [method.name for method in METHODS]
    parser.add_argument("--method", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    rows = []
    for recorded in map(load, options.curves):
        for optimiser in options.optimiser:
            for method in METHODS:
                if method.name in options.method and method.suits(optimiser):
                    rows.append(row(recorded, optimiser, method, seeds))
                    print(rows[-1], file=sys.stderr, flush=True)
    print(json.dumps([asdict(r) for r in rows], indent=2) if options.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
