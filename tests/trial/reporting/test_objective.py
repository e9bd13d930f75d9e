"""Extraction of the objective from an app's return value."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from hydra_vertex.trial.reporting.objective import NoObjective, Objective, parse_objective


class Tensor:
    """Like a torch or numpy scalar: one element behind `item`."""

    def __init__(self, *elements: object) -> None:
        self.elements = elements

    def item(self) -> object:
        if len(self.elements) != 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.elements[0]


@pytest.mark.parametrize(
    ("returned", "value"),
    [
        (3, 3.0),
        (0.25, 0.25),
        (Tensor(0.5), 0.5),
        ((0.1, 0.2), 0.1),
        ([Tensor(2)], 2.0),
        ({"loss": 0.5, "acc": 0.9}, 0.5),
        ({"acc": Tensor(0.9)}, 0.9),
        (({"loss": 1}, {}), 1.0),
    ],
)
def test_the_objective_is_extracted(returned: object, value: float) -> None:
    assert parse_objective(returned, "loss") == Objective(value)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, "returned None"),
        ("0.5", "str '0.5', which is not a number"),
        (True, "bool True, which is not a number"),
        (Tensor(True), "which is not a number"),
        (Tensor(1, 2), "which is not a number"),
        (Fraction(1, 2), "which is not a number"),
        (1 + 2j, "which is not a number"),
        (float("nan"), "nan, which is not a finite number"),
        (float("-inf"), "-inf, which is not a finite number"),
        (10**400, "too large"),
        ((), "empty list"),
        ({}, r"without 'loss' \(its entries: none\)"),
        ({"a": 1, "b": 2}, r"without 'loss' \(its entries: 'a', 'b'\)"),
        (Tensor, "which is not a number"),
        ("x" * 500, r"\.\.\.,"),
    ],
)
def test_the_reason_for_a_missing_objective_is_one_sentence(returned: object, reason: str) -> None:
    outcome = parse_objective(returned, "loss")
    assert isinstance(outcome, NoObjective)
    assert "\n" not in outcome.reason
    assert re.search(reason, outcome.reason)
