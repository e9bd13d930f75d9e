"""Conversion of values to a float, with real NumPy and torch scalars."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from hydra_vertex.trial.reporting.scalars import to_float

numpy = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (0.25, 0.25),
        (numpy.float32(0.5), 0.5),
        (numpy.int64(2**40), float(2**40)),
        (numpy.array([0.5]), 0.5),
        (torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
        (torch.tensor([4]), 4.0),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        (torch.tensor(math.inf), math.inf),
    ],
)
def test_a_scalar_of_any_library_is_converted(value: object, number: float) -> None:
    assert to_float(value) == number


@pytest.mark.parametrize(
    "value",
    [None, "0.5", True, numpy.True_, torch.tensor(True), numpy.zeros(2), torch.zeros(2, 2), [1.0], Decimal(1), 1j],
)
def test_anything_else_is_described(value: object) -> None:
    with pytest.raises(TypeError, match=f"^{type(value).__name__} .* is not a number$"):
        to_float(value)


def test_an_integer_too_large_for_a_double_is_refused() -> None:
    with pytest.raises(ValueError, match="too large for a double"):
        to_float(10**400)


class Hostile:
    def item(self) -> object:
        raise KeyError("item")

    def __repr__(self) -> str:
        raise KeyError("repr")


def test_an_object_whose_methods_fail_is_not_a_number() -> None:
    with pytest.raises(TypeError, match="Hostile without a representation, which is not a number"):
        to_float(Hostile())
