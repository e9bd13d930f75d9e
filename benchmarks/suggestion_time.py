"""Measure the CPU time of one suggestion after 100 and after 1,000 trials, 8 of them running, on one core."""

from __future__ import annotations

import os
import statistics
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported

from hydra_vertex.job import Trial, TrialState
from search.clock import ended_trial
from search.engines import Random, ServiceEngine
from search.functions import FUNCTIONS
from search.problem import Problem
from timing import print_table

COUNTS = (100, 1000)
RUNNING = 8
REPEATS = 5


def main() -> None:
    rows = []
    for problem in FUNCTIONS:
        engine = ServiceEngine(problem, seed=0, trials=48)
        engine.suggest(31, history_of(problem, 30))
        rows.append([problem.name, *(f"{cpu_seconds(engine, history_of(problem, count)):.2f}" for count in COUNTS)])
    print_table(["problem", *(f"CPU s at {count} trials" for count in COUNTS)], rows)


def history_of(problem: Problem, count: int) -> list[Trial]:
    """Return random trials. The last RUNNING of them are still running."""
    source = Random(problem, seed=count)
    history: list[Trial] = []
    for number in range(1, count + 1):
        trial = Trial(str(number), TrialState.ACTIVE, source.suggest(number, history))
        runs = number > count - RUNNING
        history.append(trial if runs else ended_trial(trial, problem.evaluate(trial.parameters)))
    return history


def cpu_seconds(engine: ServiceEngine, history: list[Trial]) -> float:
    """Return the median CPU time in seconds of REPEATS suggestions, each for a different trial number."""
    seconds = []
    for repeat in range(REPEATS):
        begin = time.process_time()
        engine.suggest(len(history) + 1 + repeat, history)
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
