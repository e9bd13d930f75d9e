"""Escapes untrusted text so that a terminal displays it and does not interpret it. Pure.

A metric's name, a choice, a display name or the reason of a failed trial may contain any text: escape sequences that
clear the screen or fake a link, carriage returns that overwrite a line, controls that reverse the reading order. All
printed text that does not come from this code must pass through one of these functions.
"""

from __future__ import annotations

import json
import unicodedata

LINE_LIMIT = 1000
EXCERPT_LIMIT = 100
_LAYOUT = "\n\t"
_JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: some scripts and emoji need them, and they do not move the cursor."""


def printable(text: str) -> str:
    """Return `text` with control characters as Python escapes (`\\x1b`, `\\u202e`); line breaks and tabs stay.

    Controls are the Unicode categories "other" (Cc, Cf, Cs, Co, Cn) and the line and paragraph separators (Zl, Zp).
    """
    return text if text.isprintable() else "".join(map(_escaped_if_control, text))


def one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """Return `printable(text)` on one line: line breaks become `\\n`; a text longer than `limit` loses its middle."""
    return shortened("".join(_escaped(c) if c in _LAYOUT else c for c in printable(text)), limit)


def excerpt(value: object, limit: int = EXCERPT_LIMIT) -> str:
    """Return a value for quoting in a message: one short line."""
    return one_line(str(value), limit)


def shortened(text: str, limit: int) -> str:
    """Cut the middle of a text that is longer than `limit` characters, and insert how many characters were cut."""
    if len(text) <= limit:
        return text
    head, tail = limit * 2 // 3, limit // 3
    return f"{text[:head]} [... {len(text) - head - tail} characters ...] {text[-tail:]}"


def printable_json(text: str) -> str:
    """Return JSON text with the same meaning, and with every control character as a JSON escape."""
    return "".join(c if _is_harmless(c) or c == "\n" else json.dumps(c)[1:-1] for c in text)


def is_name(text: str) -> bool:
    """Whether a text can be the name of a key, a metric or a label: not empty, no white space or control character."""
    return bool(text) and text.isprintable() and not any(character.isspace() for character in text)


def _escaped_if_control(character: str) -> str:
    return character if _is_harmless(character) or character in _LAYOUT else _escaped(character)


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
