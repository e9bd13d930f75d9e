"""The difference between two states of a page, and the text of the events that carry it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

KEEP_ALIVE = ": the command still runs\n\n"
"""A comment of the event stream, by which both sides notice a connection that is lost."""
RETRY_MS = 2000
"""The time after which the browser connects again."""
_NAME = re.compile(r"[a-z]+")


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """Return the sections that are new or different, and None for each one that is gone."""
    gone: dict[str, Json] = {key: None for key in before if key not in after}
    return {**{key: value for key, value in after.items() if key not in before or before[key] != value}, **gone}


def event(name: str, data: Json, event_id: str = "") -> str:
    """Return one event of a stream. JSON has no line breaks, which would end the data.

    Raises ValueError for a name or an id that would be a line of its own.
    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
    """
    if _NAME.fullmatch(name) is None or (event_id and not event_id.isalnum()):
        raise ValueError(f"{name!r}, {event_id!r}: expected letters, and an id of letters and digits")
    lines = [f"event: {name}", *([f"id: {event_id}"] if event_id else []), f"data: {json.dumps(data)}"]
    return "\n".join(lines) + "\n\n"


def first_event() -> str:
    """Return the beginning of a stream: when the browser connects again after an interruption."""
    return f"retry: {RETRY_MS}\n\n"
