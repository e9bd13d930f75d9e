"""The names of a study's metrics as one text: the option `--metric`, and the parameter `metric` of a pipeline. Pure.

One metric is its name. Several are a JSON array of their names, `["val/loss","size"]`, in the order in which the app
returns their values. A name has no whitespace, and a name that is a JSON array of texts itself cannot be given.
"""

from __future__ import annotations

import json
from collections.abc import Sequence


def metric_text(names: Sequence[str]) -> str:
    """Return the text of one or more names."""
    return names[0] if len(names) == 1 else json.dumps(list(names), separators=(",", ":"), ensure_ascii=False)


def metric_names(text: str) -> tuple[str, ...]:
    """Return the names in a text; at least one, which may be empty."""
    if not text.startswith("["):
        return (text,)
    try:
        names = json.loads(text)
    except ValueError:
        return (text,)
    is_array = isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)
    return tuple(names) if is_array else (text,)
