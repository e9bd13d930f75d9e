"""The difference between two states of a page, and the events that carry it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.launcher.live_page.sections import changes, event

STATES = st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=3), max_size=6)


@given(STATES, STATES)
def test_the_changes_turn_one_state_into_the_other(before: dict[str, object], after: dict[str, object]) -> None:
    before = {key: value for key, value in before.items() if value is not None}
    after = {key: value for key, value in after.items() if value is not None}
    found = changes(before, after)  # type: ignore[arg-type]  # JSON of a narrower type
    merged = {key: value for key, value in {**before, **found}.items() if value is not None}
    assert merged == after
    assert not any(key in before and before[key] == value for key, value in found.items())


@given(st.text())
def test_no_text_ends_an_event_early(text: str) -> None:
    written = event("sections", {"text": text}, "7")
    head, data, *rest = written.removeprefix("event: sections\n").split("\n")
    assert (head, rest) == ("id: 7", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"text": text}


@pytest.mark.parametrize(("name", "event_id"), [("a\nb", ""), ("", ""), ("sections", "1\n2"), ("sections", " ")])
def test_a_name_or_an_id_that_would_be_another_line_is_an_error(name: str, event_id: str) -> None:
    with pytest.raises(ValueError, match="expected letters"):
        event(name, {}, event_id)
