"""benchmarks/service_scale.py: the search that is measured, and its name in the table."""

from __future__ import annotations

import pytest

from hydra_vertex.job import Algorithm
from service_scale import ALGORITHMS, Result, study, table


@pytest.mark.parametrize(("name", "algorithm"), [("random", Algorithm.RANDOM_SEARCH), ("bayesian", Algorithm.BAYESIAN)])
def test_the_study_has_the_search_that_is_named(name: str, algorithm: Algorithm) -> None:
    assert ALGORITHMS.keys() == {"random", "bayesian"}
    document = study(Result(trials=20, parallel=4, algorithm=name))

    assert document["studySpec"]["algorithm"] == algorithm.value
    assert document["maxTrialCount"] == 24


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_table_names_its_search(name: str) -> None:
    result = Result(trials=20, parallel=4, algorithm=name, get_ms=[1.0], list_ms=[1.0], baseline_ms=[1.0])

    assert table(result).startswith(f"20 trials of 50 ms, 4 at once, {name} search, on ")
