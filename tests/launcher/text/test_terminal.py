from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_vertex.launcher.text.terminal import excerpt, is_name, one_line, printable, printable_json

HOSTILE = {
    "clear the screen": ("\x1b[2J", r"\x1b[2J"),
    "a link": ("\x1b]8;;http://x\x07y", r"\x1b]8;;http://x\x07y"),
    "8-bit control sequence": ("\x9b2J", r"\x9b2J"),
    "carriage return": ("ok\rbad", r"ok\rbad"),
    "backspace": ("ok\x08\x08", r"ok\x08\x08"),
    "delete": ("a\x7f", r"a\x7f"),
    "NUL": ("a\0b", r"a\x00b"),
    "right-to-left override": ("a\u202eb", r"a\u202eb"),
    "isolate": ("\u2066a\u2069", r"\u2066a\u2069"),
    "right-to-left mark": ("a\u200fb", r"a\u200fb"),
    "line separator": ("a\u2028b", r"a\u2028b"),
    "next line": ("a\x85b", r"a\x85b"),
    "byte order mark": ("\ufeffa", r"\ufeffa"),
    "half a surrogate pair": ("\ud800", r"\ud800"),
    "tag character": ("\U000e0041", r"\U000e0041"),
    "private use": ("\ue0b0", r"\ue0b0"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_control_character_is_escaped(case: str) -> None:
    text, shown = HOSTILE[case]

    assert printable(text) == shown
    assert one_line(text) == shown


PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"


@pytest.mark.parametrize(
    "text", ["", "val/loss", "Größe ✓ 数", "acc[top1]", "a\u00a0b", "👩\u200d🔬", PERSIAN, r"\x1b", "🇩🇪"]
)
def test_ordinary_text_of_any_script_does_not_change(text: str) -> None:
    assert printable(text) == one_line(text) == text


def test_line_breaks_are_kept_in_text_and_escaped_in_one_line() -> None:
    assert printable("a\n\tb\r\n") == "a\n\tb\\r\n"
    assert one_line("a\n\tb") == r"a\n\tb"


def test_the_middle_of_a_long_line_is_cut() -> None:
    line = one_line("a" * 5000 + "b" * 5000)

    assert line.startswith("aaa")
    assert line.endswith("bbb")
    assert "[... 9001 characters ...]" in line
    assert excerpt(12) == "12"
    assert len(excerpt("x" * 10**6)) < 140


@settings(deadline=None)
@given(st.text(st.characters()))
def test_no_control_character_remains_in_any_text(text: str) -> None:
    for shown in (printable(text).replace("\n", "").replace("\t", ""), one_line(text)):
        rest = shown.replace("\u200c", "").replace("\u200d", "")
        assert all(c.isprintable() or c.isspace() for c in rest)
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in rest)
        shown.encode()


@settings(deadline=None)
@given(st.recursive(st.text(st.characters()), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_printable_json_has_the_same_meaning(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)

    assert json.loads(printable_json(text)) == json.loads(text)
    assert printable(printable_json(text)) == printable_json(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("val/loss", True), ("größe", True), ("", False), ("a b", False), ("a\u00a0b", False), ("a\x1bb", False)],
)
def test_a_name_has_no_white_space_or_control_characters(text: str, is_one: bool) -> None:
    assert is_name(text) is is_one
