"""The end of a refusal: what was probably meant, and what is allowed. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_LISTED = 12


def one_of(name: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'? (allowed: …)`, as far as there is something to say; else nothing."""
    names = list(dict.fromkeys(allowed))
    near = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    if not names:
        return meant
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{meant} (allowed: {', '.join(names[:_MOST_LISTED])}{more})"
