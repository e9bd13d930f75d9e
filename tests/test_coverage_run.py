"""The tests that `coverage_run.py` leaves out exist: pytest would ignore a wrong name, and measure the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from coverage_run import CHANGED_BY_MEASUREMENT, LONG

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", [*CHANGED_BY_MEASUREMENT, *LONG])
def test_a_test_that_is_left_out_exists(name: str) -> None:
    path, _, function = name.partition("::")

    assert (ROOT / path).exists()
    assert not function or f"def {function}(" in (ROOT / path).read_text(encoding="utf-8")
