"""Text of others as text that a terminal shows and does not obey. Pure.

A metric's name, a choice, a display name or the reason of a failed trial may hold anything: escape sequences that clear
the screen or forge a link, carriage returns that overwrite a line, controls that reverse the reading order. Everything
that is printed and is not our own wording goes through one of these functions.
"""

from __future__ import annotations

import json
import unicodedata

LINE_LIMIT = 1000
EXCERPT_LIMIT = 100
_LAYOUT = "\n\t"
_JOINERS = "\u200c\u200d"
"""Zero-width joiner and non-joiner: scripts and emoji are spelled with them, and they move nothing."""


def printable(text: str) -> str:
    """`text` with every control character in Python's spelling (`\\x1b`, `\\u202e`); line breaks and tabs stay.

    Controls are the Unicode categories "other" (Cc, Cf, Cs, Co, Cn) and the line and paragraph separators (Zl, Zp).
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """`printable` on a single line: a line break is shown as `\\n`, and the middle of more than `limit` is left out."""
    return shortened("".join(_escaped(c) if c in _LAYOUT else c for c in printable(text)), limit)


def excerpt(value: object, limit: int = EXCERPT_LIMIT) -> str:
    """A value as a message quotes it: one short line."""
    return one_line(str(value), limit)


def shortened(text: str, limit: int) -> str:
    """The beginning and the end of a text that is longer than `limit` characters, and how many are left out."""
    if len(text) <= limit:
        return text
    head, tail = limit * 2 // 3, limit // 3
    return f"{text[:head]} [... {len(text) - head - tail} characters ...] {text[-tail:]}"


def printable_json(text: str) -> str:
    """JSON text that means the same, with every control character as a JSON escape."""
    return "".join(c if _is_harmless(c) or c == "\n" else json.dumps(c)[1:-1] for c in text)


def is_name(text: str) -> bool:
    """Whether a text can be the name of a key, a metric or a label: not empty, no white space, no control character."""
    return bool(text) and text.isprintable() and not any(character.isspace() for character in text)


def _shown(character: str) -> str:
    return character if _is_harmless(character) or character in _LAYOUT else _escaped(character)


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
