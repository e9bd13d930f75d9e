"""Compare optimisers: median regret after 48 trials for each problem and parallelism, and mean rank over all of them.

Each run is stored in a folder and not repeated, so an interrupted comparison continues:

    python benchmarks/search_quality.py --folder build/search --seeds 20
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are imported: one core each

from search.clock import regrets, simulate
from search.engines import ENGINES, TRIALS, NamedEngine
from search.functions import FUNCTIONS
from search.problem import Problem
from search.trained import trained_problems
from timing import print_table

PARALLEL = (4, 8)

Setting = tuple[Problem, int]


def main() -> None:
    options = _options()
    problems = [p for p in (*FUNCTIONS, *trained_problems(options.folder)) if options.problem.lower() in p.name.lower()]
    settings = [(problem, parallel) for problem in problems for parallel in PARALLEL if parallel in options.parallel]
    engines = _present(options.engines)
    for seed in range(options.seeds):
        for setting in settings:
            for engine in engines:
                _run(options.folder, setting, engine, seed)
    print_results(options.folder, settings, engines, options.seeds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/search"), help="folder in which each run is stored")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--engines", nargs="*", default=[c.name for c in ENGINES], help="compare only these")
    parser.add_argument("--problem", default="", help="only problems whose name contains this text")
    parser.add_argument("--parallel", nargs="*", type=int, default=list(PARALLEL))
    return parser.parse_args()


def _present(names: Sequence[str]) -> list[NamedEngine]:
    chosen = [engine for engine in ENGINES if engine.name in names]
    for engine in chosen:
        if engine.missing:
            print(f"{engine.name} is skipped: not installed: {', '.join(engine.missing)}", file=sys.stderr)
    return [engine for engine in chosen if not engine.missing]


def _path(folder: Path, setting: Setting, engine: NamedEngine, seed: int) -> Path:
    problem, parallel = setting
    parts = (problem.name, f"{parallel} parallel", engine.name, f"{seed}.json")
    return folder.joinpath(*(part.replace(",", "").replace(" ", "-") for part in parts))


def _run(folder: Path, setting: Setting, engine: NamedEngine, seed: int) -> None:
    path = _path(folder, setting, engine, seed)
    if path.exists():
        return
    problem, parallel = setting
    begin = time.perf_counter()
    history = simulate(problem, engine.create(problem, seed), seed, TRIALS, parallel, engine.in_batches)
    seconds = time.perf_counter() - begin
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps({"regrets": regrets(problem, history), "seconds": seconds}))
    beside.replace(path)


def _final(folder: Path, setting: Setting, engine: NamedEngine, seeds: int) -> list[float]:
    paths = [_path(folder, setting, engine, seed) for seed in range(seeds)]
    return [json.loads(path.read_text())["regrets"][-1] for path in paths if path.exists()]


def print_results(folder: Path, settings: Sequence[Setting], engines: Sequence[NamedEngine], seeds: int) -> None:
    rows = []
    ranks: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for setting in settings:
        problem, parallel = setting
        final = {c.name: _final(folder, setting, c, seeds) for c in engines}
        medians = {name: statistics.median(found) if found else float("inf") for name, found in final.items()}
        for name, rank in ranked(medians).items():
            ranks[name].append(rank)
        cells = [f"{medians[c.name]:.3g}{_note(len(final[c.name]), seeds)}" for c in engines]
        rows.append([problem.name, str(parallel), *cells])
    rows.append(["**mean rank**", "", *(f"**{statistics.mean(ranks[c.name]):.2f}**" for c in engines)])
    print_table(["problem", "parallel", *(engine.name for engine in engines)], rows)


def _note(count: int, seeds: int) -> str:
    return "" if count == seeds else f" ({count} seeds)"


def ranked(values: Mapping[str, float]) -> dict[str, float]:
    """Return the rank of each value, from 1; equal values get the mean of their ranks."""
    ordered = sorted(values.values())
    return {name: ordered.index(value) + (ordered.count(value) + 1) / 2 for name, value in values.items()}


if __name__ == "__main__":
    main()
