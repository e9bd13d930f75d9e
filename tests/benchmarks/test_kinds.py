"""Kinds of studies on which an optimiser can be worse than random search: ours is not, on several seeds of each."""

from __future__ import annotations

import statistics

import pytest

from search.clock import regrets, simulate
from search.engines import Random, ServiceEngine
from search.kinds import DEVELOPMENT, kinds
from search.paired import interval
from search.problem import Problem

PROBLEMS = {problem.name: problem for problem in kinds(DEVELOPMENT)}


def final_regrets(problem: Problem, trials: int, seeds: int) -> tuple[list[float], list[float]]:
    """Return the regrets of the service's optimiser and of random search for each seed, with two trials at once."""
    found = []
    for engine in (ServiceEngine, Random):
        studies = [simulate(problem, engine(problem, s, trials), s, trials, 2, in_batches=False) for s in range(seeds)]
        found.append([regrets(problem, history)[-1] for history in studies])
    return found[0], found[1]


@pytest.mark.parametrize("name", ["Mixed, eight parameters", "Categories 5 x 6 x 7"])
def test_with_few_trials_the_optimiser_is_not_behind_random_search(name: str) -> None:
    ours, random = final_regrets(PROBLEMS[name], trials=12, seeds=12)
    low, _ = interval([a - b for a, b in zip(ours, random, strict=True)])
    assert low <= 0


@pytest.mark.parametrize(
    ("name", "trials", "seeds", "share"),
    [
        pytest.param("Exploding to 1000", 24, 5, 0.1, id="a third of the losses is up to 1e3"),
        pytest.param("Exploding to 1e+06", 24, 5, 0.1, id="a third of the losses is up to 1e6"),
        pytest.param("Noise 1", 16, 9, 1.0, id="noise as large as the differences"),
        pytest.param("Failing next to the best, 70%", 24, 5, 0.6, id="the best point is beside the failing region"),
    ],
)
def test_the_optimiser_is_ahead_of_random_search(name: str, trials: int, seeds: int, share: float) -> None:
    ours, random = final_regrets(PROBLEMS[name], trials, seeds)
    assert statistics.median(ours) <= share * statistics.median(random)
