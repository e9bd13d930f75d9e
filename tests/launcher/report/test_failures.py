from __future__ import annotations

from hydra_vertex.job import TrialState
from hydra_vertex.launcher.report.failures import failures_of
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
