"""The words for scheduling strategies, and the names of the API."""

from __future__ import annotations

import pytest

from hydra_vertex.launcher.capacity.strategies import WORDS, parse_strategies, word_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spot", ("SPOT",)),
        ("spot,flex-start,on-demand", ("SPOT", "FLEX_START", "STANDARD")),
        ("flex, standard", ("FLEX_START", "STANDARD")),
        ("FLEX_START,STANDARD", ("FLEX_START", "STANDARD")),
        ("ON_DEMAND", ("STANDARD",)),
        ("LOW_COST", ("SPOT",)),
    ],
)
def test_words_and_names_of_the_api_are_strategies(text: str, expected: tuple[str, ...]) -> None:
    assert parse_strategies(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a strategy"),
        ("spot,", "'' is not a strategy"),
        ("spott", "did you mean 'spot'"),
        ("spot,spot", "spot is listed twice"),
        ("on-demand,standard", "standard is listed twice"),
    ],
)
def test_any_other_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_strategies(text)


def test_every_strategy_is_one_of_the_api() -> None:
    from google.cloud.aiplatform_v1.types import Scheduling

    names = {member.name for member in Scheduling.Strategy}
    assert set(WORDS.values()) <= names
    assert all(parse_strategies(word_of(name)) == (name,) for name in WORDS.values())
