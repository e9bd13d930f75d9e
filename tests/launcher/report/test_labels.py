from __future__ import annotations

import html

from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.launcher.report.labels import clipped, escape, line_count, unescape, wrapped

texts = st.text(st.characters(codec="utf-8"), max_size=120)


@given(texts, st.integers(6, 40))
def test_a_wrapped_label_has_all_characters_in_short_lines(text: str, most: int) -> None:
    lines = wrapped(escape(text), most, 200).split("<br>")

    assert "".join(html.unescape(line) for line in lines) == html.unescape(escape(text))
    assert all(len(html.unescape(line)) <= most for line in lines)


@given(texts, st.integers(6, 40))
def test_a_label_with_too_many_lines_has_its_ends(text: str, most: int) -> None:
    label = wrapped(escape(text), most, 4)

    assert line_count(label) <= 4
    assert html.unescape(label.replace("<br>", "")).startswith(html.unescape(escape(text))[: min(6, len(text)) // 2])
    assert len(unescape(clipped(escape(text), most))) <= most


def test_a_label_breaks_after_a_separator() -> None:
    assert wrapped("model.encoder.layer_norm", 14) == "model.encoder.<br>layer_norm"
    assert clipped("model.encoder.layer_norm", 12) == "model.…_norm"
