"""Quotes any text as a string value in Hydra's override grammar. Pure."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_KEYWORDS = frozenset({"true", "false", "null", "nan", "inf"})
_MISSING = "???"


def quote(text: str) -> str:
    """Return the value that Hydra parses as the string `text`, without quotes where they are not needed."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _KEYWORDS:
        return text
    if text == _MISSING:
        # OmegaConf reads this value, quoted or not, as a missing value.
        return "${oc.decode:\"'???'\"}"
    return f"'{_escape(text)}'"


def _escape(text: str) -> str:
    """Inside quotes a backslash is literal, except before `${`, before a quote, and at the end."""
    without_interpolation = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", text)
    without_quotes = re.sub(r"(\\*)'", lambda match: match[1] * 2 + r"\'", without_interpolation)
    return re.sub(r"\\+\Z", lambda match: match[0] * 2, without_quotes)
