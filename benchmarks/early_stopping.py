"""What each stopping rule saves and what it costs, on learning curves of real training.

    python benchmarks/early_stopping.py [--seeds 40] [--optimiser hydra-vertex tpe] [--json]   # gp needs torch

The curves were recorded by benchmarks/curves/record.py: the sample GPT on its own corpus, and an MLP on scikit-learn's
digits. A study asks its optimiser for a point and gives it the recorded run nearest to it that it has not had yet, with
the point of that run, measurement by measurement, on a simulated clock with 4 trials at a time; the rule is asked after
each. (Were a run given for all points near it, whoever looks closely at the best region would get the same run again
and again, and fewer trials at once would do worse than more.)

"Steps" is the share of all measurements that were made, "regret" how much worse the best trial is than the best
recorded run, as a mean over the seeds with its standard error, "wrongly" the share of the stopped trials that would
have ended better than every whole one that had ended when they were stopped. Every rule sees the same seeds; the decay
curve rule's constants were chosen on others.
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
"""Seeds from 0 on were used to choose the decay curve rule's constants."""


@dataclass(frozen=True)
class Row:
    curves: str
    optimiser: str
    method: str
    share: float
    regret: float
    regret_error: float
    wrongly_stopped: float | None
    slowest_decision_ms: float


def row(recorded: Recorded, optimiser: str, method: Method, seeds: Iterable[int]) -> Row:
    results = [Study(recorded, method, optimiser, seed).run() for seed in seeds]
    regrets = [result.regret for result in results]
    stopped = sum(result.stopped for result in results)
    return Row(
        recorded.name,
        optimiser,
        method.name,
        statistics.fmean(result.share for result in results),
        statistics.fmean(regrets),
        statistics.stdev(regrets) / math.sqrt(len(regrets)) if len(regrets) > 1 else 0.0,
        sum(result.wrongly for result in results) / stopped if stopped else None,
        max(result.slowest_decision_ms for result in results),
    )


def table(rows: Sequence[Row]) -> str:
    lines = ["| Curves | Optimiser | Rule | Steps | Regret | Wrongly |", "| --- | --- | --- | ---: | ---: | ---: |"]
    lines += [
        f"| {r.curves} | {r.optimiser} | {r.method} | {r.share:.0%} | {r.regret:.4f} ± {r.regret_error:.4f} "
        f"| {'' if r.wrongly_stopped is None else f'{r.wrongly_stopped:.1%}'} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40, help="studies for each row (40)")
    parser.add_argument("--optimiser", nargs="+", default=["hydra-vertex", "tpe"], choices=OPTIMISERS)
    parser.add_argument("--curves", nargs="+", default=["gpt", "digits"], choices=["gpt", "digits"])
    names = [method.name for method in METHODS]
    parser.add_argument("--method", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for recorded in map(load, options.curves):
        for optimiser in options.optimiser:
            for method in METHODS:
                if method.name in options.method and method.suits(optimiser):
                    rows.append(row(recorded, optimiser, method, range(FIRST_SEED, FIRST_SEED + options.seeds)))
                    print(rows[-1], file=sys.stderr, flush=True)
    print(json.dumps([asdict(r) for r in rows], indent=2) if options.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
