"""The values that stand for the options of a sweep, and the way back to the option."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, QuotedString
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.protocol.sweep_values import SweepOption, numbers_of, option_with, texts_of

WORDS = (
    "1",
    "1.0",
    "2",
    "0.1",
    "-3",
    "1e-05",
    "null",
    "true",
    "false",
    "a",
    "'a'",
    "'1'",
    "'null'",
    "[1]",
    "{a:1}",
    "inf",
)


def options_of(*words: str) -> list[SweepOption]:
    """Return the options of the sweep `word,word`."""
    sweep = OverridesParser.create().parse_override(f"key={','.join(words)},end")
    choice = sweep.value()
    assert isinstance(choice, ChoiceSweep)
    values = [item.text if isinstance(item, QuotedString) else item for item in choice.list]
    return [SweepOption(value, text) for value, text in zip(values, words, strict=False)]


@given(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
def test_each_option_is_found_again_by_the_value_that_stands_for_it(words: list[str]) -> None:
    options = options_of(*words)
    numbers = numbers_of(options)
    sent = texts_of(options) if numbers is None else [str(number) for number in numbers]
    if len(set(sent)) == len(options):
        assert [option_with(value, options) for value in sent] == options


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (("1", "0.5"), (1.0, 0.5)),
        (("1", "1.0"), None),
        (("1", "true"), None),
        (("1", "null"), None),
        (("1", "inf"), None),
        (("9007199254740993", "1"), None),
        (("1e300", "1"), (1e300, 1.0)),
    ],
)
def test_distinct_exact_numbers_are_transferred_as_numbers(
    words: tuple[str, ...], numbers: tuple[float, ...] | None
) -> None:
    assert numbers_of(options_of(*words)) == numbers


def test_texts_of_different_types_are_told_apart_by_their_quotes() -> None:
    assert texts_of(options_of("1", "'1'", "null", "'null'", "a b", "true")) == (
        *("1", "'1'", "null", "'null'", "a b", "true"),
    )


@pytest.mark.parametrize("value", ["0.3", "0.30000000000000004", "0.3000000000001"])
def test_a_number_with_fewer_digits_stands_for_the_nearest_option(value: str) -> None:
    options = [SweepOption(0.1, "0.1"), SweepOption(0.30000000000000004, "0.30000000000000004")]
    assert option_with(value, options) == options[1]


@pytest.mark.parametrize("value", ["7", "x", "", "0.31"])
def test_a_value_that_is_no_option_stands_for_none(value: str) -> None:
    assert option_with(value, [SweepOption(0.1, "0.1"), SweepOption(0.3, "0.3")]) is None
