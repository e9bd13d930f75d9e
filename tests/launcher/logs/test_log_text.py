"""The text of a log on a page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.launcher.logs.log_text import last_lines, shown_log
from hydra_vertex.launcher.secrets.masker import masker

TEXTS = st.text(st.sampled_from("ab\n "), max_size=60)


@given(TEXTS, st.integers(1, 9), st.integers(1, 30))
def test_the_end_of_a_log_is_short_and_begins_with_a_whole_line_unless_it_is_a_single_one(
    log: str, lines: int, characters: int
) -> None:
    end = last_lines(log, lines, characters)
    whole = log.rstrip()

    assert whole.endswith(end)
    assert end.count("\n") < lines
    assert len(end) <= characters
    if "\n" in end:
        assert len(end) == len(whole) or whole[-len(end) - 1] == "\n"
    if whole:
        assert end.strip()


def test_a_log_is_masked_and_has_no_control_character() -> None:
    text = "token hunter2hunter2\n\x1b[2J\u202e\tx"

    assert shown_log(text, masker(["hunter2hunter2"])) == "token ***\n\\x1b[2J\\u202e   x"
