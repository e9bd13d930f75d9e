"""How a message shows an invalid value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job.quoting import quoted


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (2**63, "9223372036854775808"),
        (10**1000, "an integer of 3322 bits"),
        ("a", "'a'"),
        ("\ud800\x1b[31m\0", r"'\ud800\x1b[31m\x00'"),
        ("x" * 81, f"'{'x' * 80}'… (81 characters)"),
        ([1, 2], "an array of 2 items"),
        ((), "an array of 0 items"),
        ({"a": 1}, "an object of 1 fields"),
    ],
)
def test_a_short_value_is_shown_as_its_repr_and_a_long_one_is_shortened(value: object, shown: str) -> None:
    assert quoted(value) == shown


@given(st.text(alphabet=st.characters(), max_size=200) | st.integers() | st.floats())
def test_the_quoted_value_can_be_encoded_and_is_short(value: object) -> None:
    assert quoted(value).encode()
    assert len(quoted(value)) < 1000
