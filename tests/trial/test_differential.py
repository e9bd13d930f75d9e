"""Compares the values that travel from a search file through a service to the app with those of plain Hydra."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from trial.corpus.runner import started_app
from trial.differential.comparison import Outcome, Result, compare
from trial.differential.generator import Case, RefusedParam, generate

APP = Path(__file__).parent / "differential" / "app"
DOCS = Path(__file__).parents[2] / "docs" / "search-files.md"
COUNT = int(os.environ.get("SWEEP_CASES", "250"))
SEED = int(os.environ.get("SWEEP_SEED", "1"))

_NO_VALUE = re.compile(r"LexerNoViableAlt|mismatched input|no viable|extraneous input|missing |Error parsing override")

ACCEPTED_HERE: Mapping[str, Callable[[Result], bool]] = {
    "a whole number as a float or as text (`choice(1.0, 2.0)`), for a key that is declared as `int`": lambda result: (
        "could not be converted to Integer" in result.detail
    ),
    "a quoted text in `choice(…)`, which drops the quotes, that is no value without them": lambda result: (
        "choice(" in result.case.sweep and _NO_VALUE.search(result.detail) is not None
    ),
    "a member of an enum by its value": lambda result: "valid input for <enum" in result.detail,
    "`null` for a config group": lambda result: result.case.plain.endswith("=null") and result.case.key == "model",
}
REFUSED_HERE: Mapping[str, str] = {
    "a tag other than `log`, `reverse_log` and `linear`": "the tags are",
    "an option twice": "is listed twice",
    "an interval or range without a number in it": "is empty",
    "a range of one number": "the single value",
}


@pytest.fixture(scope="module")
def params() -> list[Case | RefusedParam]:
    return list(generate(COUNT, SEED))


def test_a_trial_gets_the_values_and_types_of_plain_hydra(params: list[Case | RefusedParam]) -> None:
    with started_app(APP) as app:
        results = compare(app, [param for param in params if isinstance(param, Case)])

    unexplained = [
        f"{result.outcome.value}: {result.case} ({result.detail})"
        for result in results
        if result.outcome in {Outcome.DIFFERENT, Outcome.TRIAL_REFUSES}
        or (result.outcome is Outcome.HYDRA_REFUSES and not any(test(result) for test in ACCEPTED_HERE.values()))
    ]
    assert unexplained == []
    counts = Counter(result.outcome for result in results)
    assert counts[Outcome.EQUAL] > 0.6 * COUNT, counts


def test_a_param_that_hydra_accepts_is_refused_only_for_a_documented_reason(params: list[Case | RefusedParam]) -> None:
    refused = [param for param in params if isinstance(param, RefusedParam)]
    unexplained = [str(p) for p in refused if not any(text in p.message for text in REFUSED_HERE.values())]
    assert unexplained == []


def test_the_documentation_lists_each_difference_from_plain_hydra() -> None:
    section = DOCS.read_text().partition("### Differences from plain Hydra")[2].partition("\n### ")[0]
    documented = {row.strip() for row in re.findall(r"^\| (.+?) \|", section, re.MULTILINE)} - {"value", "---"}
    assert documented == {*ACCEPTED_HERE, *REFUSED_HERE}
