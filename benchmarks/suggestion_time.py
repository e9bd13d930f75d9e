"""How long one suggestion takes at 100 and at 1,000 trials of a study, eight of them running, on one core."""

from __future__ import annotations

import os
import statistics
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported

from hydra_vertex.job import Trial, TrialState
from search.clock import ended_trial
from search.engines import Ours, Random
from search.functions import FUNCTIONS
from search.problem import Problem
from timing import print_table

COUNTS = (100, 1000)
RUNNING = 8
REPEATS = 5


def main() -> None:
    rows = []
    for problem in FUNCTIONS:
        engine = Ours(problem, seed=0)
        engine.suggest(31, history_of(problem, 30))
        rows.append([problem.name, *(f"{cpu_seconds(engine, history_of(problem, count)):.2f}" for count in COUNTS)])
    print_table(["problem", *(f"CPU s at {count} trials" for count in COUNTS)], rows)


def history_of(problem: Problem, count: int) -> list[Trial]:
    """Random trials; the last ones still run."""
    source = Random(problem, seed=count)
    history: list[Trial] = []
    for number in range(1, count + 1):
        trial = Trial(str(number), TrialState.ACTIVE, source.suggest(number, history))
        runs = number > count - RUNNING
        history.append(trial if runs else ended_trial(trial, problem.evaluate(trial.parameters)))
    return history


def cpu_seconds(engine: Ours, history: list[Trial]) -> float:
    """The median of a few suggestions, each for a trial of its own number."""
    seconds = []
    for repeat in range(REPEATS):
        begin = time.process_time()
        engine.suggest(len(history) + 1 + repeat, history)
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
