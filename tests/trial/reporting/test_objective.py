"""Extraction of the objective from an app's return value."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from hydra_vertex.trial.reporting.objective import NoObjective, Objective, parse_objective, parse_objectives


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


@pytest.mark.parametrize(
    "returned",
    [
        (0.5, 3),
        [0.5, 3],
        np.array([0.5, 3.0]),
        (np.float64(0.5), np.int64(3)),
        {"size": 3, "loss": 0.5, "other": 1},
        (Tensor(0.5), 3),
    ],
)
def test_several_objectives_are_numbers_in_the_order_of_the_metrics_or_named(returned: object) -> None:
    assert parse_objectives(returned, ("loss", "size")) == (Objective(0.5), Objective(3.0))


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, r"returned None; return 2 numbers from its main function, 'loss', 'size' in this order"),
        (0.5, "returned a value of type float; return 2 numbers"),
        (np.float64(0.5), "returned a value of type float64"),
        (np.array(0.5), "returned a value of type ndarray"),
        ("ab", "returned a value of type str"),
        ({0.5, 3.0}, "returned a value of type set"),
        ((0.5,), "returned 1 value; return 2"),
        ((0.5, 3, 4), "returned 3 values; return 2"),
        ((), "returned 0 values"),
        ((0.5, None), "size: the app returned NoneType None, which is not a number"),
        ((float("nan"), 3), "loss: the app returned nan, which is not a finite number"),
        ({"loss": 0.5}, "a mapping without 'size'; return 2 numbers"),
        ({"loss": 0.5, "size": "big"}, "size: the app returned str 'big'"),
    ],
)
def test_none_of_several_objectives_is_reported_when_one_is_missing(returned: object, reason: str) -> None:
    outcome = parse_objectives(returned, ("loss", "size"))
    assert isinstance(outcome, NoObjective)
    assert re.search(reason, outcome.reason)


def test_a_metric_that_is_named_twice_has_no_value() -> None:
    outcome = parse_objectives((1.0, 2.0), ("loss", "loss"))
    assert outcome == NoObjective("the names of the metrics are 'loss', 'loss'; each must be named once")
