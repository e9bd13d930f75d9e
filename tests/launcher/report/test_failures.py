from __future__ import annotations

import pytest

from hydra_vertex.job import TrialState
from hydra_vertex.launcher.report.failures import failures_of, reason_excerpt, reason_limit
from launcher.jobs import make_job, make_trial


def test_failures_are_grouped_by_their_reason_apart_from_numbers() -> None:
    reasons = ["exited with code 1\nValueError: 3 > 2", "killed", "exited with code 1\nValueError: 7 > 2.5", ""]
    trials = [make_trial(n, None, TrialState.INFEASIBLE, reason) for n, reason in enumerate(reasons, 1)]

    found = [(failure.text, failure.trials) for failure in failures_of(make_job([*trials, make_trial(5, 1.0)]))]

    assert found == [
        ("exited with code 1 … ValueError: 3 > 2", ("1", "3")),
        ("killed", ("2",)),
        ("without a reason", ("4",)),
    ]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("exited with code 1\nBoom", "exited with code 1\nBoom"),
        (
            "exited with code 1\n" + "a" * 90 + "Boom",
            "exited with code 1\n[... 54 characters ...]\n" + "a" * 36 + "Boom",
        ),
        ("x" * 200, "x" * 26 + " [... 161 characters ...] " + "x" * 13),
        ("x" * 200 + "\nBoom", "x" * 26 + " [... 161 characters ...] " + "x" * 13 + "\nBoom"),
    ],
)
def test_a_long_reason_keeps_its_first_line_and_its_end(reason: str, shown: str) -> None:
    assert reason_excerpt(reason, 80) == shown


def test_the_reasons_of_many_trials_are_shorter() -> None:
    assert [reason_limit(count) for count in (0, 1, 20, 100, 1000)] == [40_000, 40_000, 2_000, 400, 400]
