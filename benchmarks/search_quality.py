"""Compare optimisers on one set of problems: medians, mean ranks, and the paired differences to random search.

The constants of the optimiser are chosen on the set `development`. The set `held-out` has the same kinds of problems
with other functions, dimensions and best points, `live` has models that are trained for each trial. Each run is stored
in a folder and not repeated, so an interrupted comparison continues:

    python benchmarks/search_quality.py --folder build/search --set held-out --seeds 20
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are imported: one core each

from search.clock import regrets, simulate
from search.engines import ENGINES, NamedEngine
from search.functions import FUNCTIONS
from search.kinds import DEVELOPMENT, HELD_OUT, kinds
from search.live import live_tasks
from search.paired import interval, ranked
from search.problem import Problem
from search.trained import trained_problems
from timing import print_table

PARALLEL = (2, 4, 8)
BUDGETS = (8, 12, 16, 32, 48, 100)
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Setting:
    """A problem with the number of trials that run at once and the number of trials of the study."""

    problem: Problem
    parallel: int
    trials: int


SETS: Mapping[str, Callable[[Path], tuple[Problem, ...]]] = {
    "development": lambda _: (*kinds(DEVELOPMENT), *FUNCTIONS),
    "held-out": lambda _: kinds(HELD_OUT),
    "live": lambda _: live_tasks(),
    "functions": lambda folder: (*FUNCTIONS, *trained_problems(folder)),
}


def main() -> None:
    options = _options()
    problems = [p for p in SETS[options.set](options.folder) if options.problem.lower() in p.name.lower()]
    settings = [Setting(p, count, n) for n in options.trials for count in options.parallel for p in problems]
    engines = _present(options.engines)
    for seed in range(options.seeds):
        for setting in settings:
            for engine in engines:
                _run(options.folder, setting, engine, seed)
    print_results(options.folder, settings, engines, options.seeds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/search"), help="folder in which each run is stored")
    parser.add_argument("--set", choices=sorted(SETS), default="functions", help="the problems")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--engines", nargs="*", default=[c.name for c in ENGINES], help="compare only these")
    parser.add_argument("--problem", default="", help="only problems whose name contains this text")
    parser.add_argument("--parallel", nargs="*", type=int, default=list(PARALLEL))
    parser.add_argument("--trials", nargs="*", type=int, default=list(BUDGETS), help="the trials of a study")
    return parser.parse_args()


def _present(names: Sequence[str]) -> list[NamedEngine]:
    chosen = [engine for engine in ENGINES if engine.name in names]
    for engine in chosen:
        if engine.missing:
            print(f"{engine.name} is skipped: not installed: {', '.join(engine.missing)}", file=sys.stderr)
    return [engine for engine in chosen if not engine.missing]


def _path(folder: Path, setting: Setting, engine: NamedEngine, seed: int) -> Path:
    count = f"{setting.trials} trials, {setting.parallel} parallel"
    parts = (setting.problem.name, count, engine.name, f"{seed}.json")
    return folder.joinpath(*(part.replace(",", "").replace(" ", "-") for part in parts))


def _run(folder: Path, setting: Setting, engine: NamedEngine, seed: int) -> None:
    path = _path(folder, setting, engine, seed)
    if path.exists():
        return
    problem = setting.problem
    begin = time.perf_counter()
    searched = engine.create(problem, seed, setting.trials)
    history = simulate(problem, searched, seed, setting.trials, setting.parallel, engine.in_batches)
    seconds = time.perf_counter() - begin
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps({"regrets": regrets(problem, history), "seconds": seconds}))
    beside.replace(path)


def _finals(folder: Path, setting: Setting, engine: NamedEngine, seeds: int) -> dict[int, float]:
    """Return the last regret of each stored seed."""
    paths = {seed: _path(folder, setting, engine, seed) for seed in range(seeds)}
    return {seed: json.loads(path.read_text())["regrets"][-1] for seed, path in paths.items() if path.exists()}


def print_results(folder: Path, settings: Sequence[Setting], engines: Sequence[NamedEngine], seeds: int) -> None:
    """Print a table of medians with the mean ranks for each number of trials, then the differences to random search."""
    finals = {setting: {c.name: _finals(folder, setting, c, seeds) for c in engines} for setting in settings}
    for trials in dict.fromkeys(setting.trials for setting in settings):
        print(f"\n{trials} trials\n")
        _print_medians({s: found for s, found in finals.items() if s.trials == trials}, seeds)
    _print_behind_random(finals)


def _print_medians(finals: Mapping[Setting, Mapping[str, Mapping[int, float]]], seeds: int) -> None:
    names = list(next(iter(finals.values())))
    ranks: dict[str, list[float]] = {name: [] for name in names}
    rows = []
    for setting, found in finals.items():
        medians = {name: statistics.median(f.values()) if f else math.inf for name, f in found.items()}
        for name, rank in ranked(medians).items():
            ranks[name].append(rank)
        cells = [f"{medians[name]:.3g}{_note(len(found[name]), seeds)}" for name in names]
        rows.append([setting.problem.name, str(setting.parallel), *cells])
    rows.append(["**mean rank**", "", *(f"**{statistics.mean(ranks[name]):.2f}**" for name in names)])
    print_table(["problem", "parallel", *names], rows)


def _note(count: int, seeds: int) -> str:
    return "" if count == seeds else f" ({count} seeds)"


def _print_behind_random(finals: Mapping[Setting, Mapping[str, Mapping[int, float]]]) -> None:
    """Print in how many settings the interval of an engine's difference to random search is wholly above 0 or below."""
    if not all(RANDOM in found for found in finals.values()):
        return
    print("\nSettings in which an engine is behind random search (95 % interval of the paired difference above 0)\n")
    rows = []
    for name in next(iter(finals.values())):
        if name == RANDOM:
            continue
        limits = {s: interval(_paired(found[name], found[RANDOM])) for s, found in finals.items()}
        behind = [f"{s.problem.name} ({s.trials}, {s.parallel})" for s, (low, _) in limits.items() if low > 0]
        ahead = sum(high < 0 for _, high in limits.values())
        rows.append([name, str(len(behind)), str(ahead), str(len(limits)), ", ".join(behind)])
    print_table(["engine", "behind", "ahead", "settings", "behind in (trials, parallel)"], rows)


def _paired(found: Mapping[int, float], others: Mapping[int, float]) -> list[float]:
    """Return the differences of the same seeds; a regret that is infinite in both is no difference."""
    return [0.0 if found[seed] == others[seed] else found[seed] - others[seed] for seed in found if seed in others]


if __name__ == "__main__":
    main()
