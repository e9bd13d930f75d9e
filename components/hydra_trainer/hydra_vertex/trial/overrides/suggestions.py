"""The words of a refusal: what was seen, what was probably meant, and what is allowed. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_LISTED = 12
_MOST_SHOWN = 200


def quote_for_message(text: str) -> str:
    """A value as a message quotes it: whole, or its beginning and its length."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def suggest(name: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'? (allowed: …)`, as far as there is something to say; else nothing."""
    names = list(dict.fromkeys(allowed))
    near = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    if not names:
        return meant
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{meant} (allowed: {', '.join(names[:_MOST_LISTED])}{more})"
