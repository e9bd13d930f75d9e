"""Any text as a value in Hydra's override grammar. Pure."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_KEYWORDS = frozenset({"true", "false", "null", "nan", "inf"})
_MISSING = "???"


def quote(text: str) -> str:
    """The value that Hydra reads as the string `text`: bare where nothing in it can mean anything else."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _KEYWORDS:
        return text
    if text == _MISSING:
        # As a value, quoted or not, this would mean that the key has none.
        return "${oc.decode:\"'???'\"}"
    return f"'{_escape(text)}'"


def _escape(text: str) -> str:
    """Inside quotes a backslash is itself, except in front of `${`, of a quote, and of the end."""
    without_interpolation = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", text)
    without_quotes = re.sub(r"(\\*)'", lambda match: match[1] * 2 + r"\'", without_interpolation)
    return re.sub(r"\\+\Z", lambda match: match[0] * 2, without_quotes)
