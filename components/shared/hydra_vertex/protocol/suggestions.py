"""Texts for error messages: the value seen, the probable intention and the allowed names. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_LISTED = 12
_MOST_SHOWN = 200


def quote_for_message(text: str) -> str:
    """Return a value for a message: complete, or its first 200 characters and its length."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'? (allowed: …)`, without the parts that do not apply."""
    names = list(dict.fromkeys(allowed))
    near = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    if not names:
        return meant
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{meant} (allowed: {', '.join(names[:_MOST_LISTED])}{more})"
