"""Adds the overrides of a search file to the app's command, where the overrides of the command have priority. Pure.

In Hydra, the command line overrides the files. Hydra applies overrides in their order, so an override of the file is
left out when the command sets the same key or chooses an option of the same group.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError

# An option of another program than the app has the form of a parameter; that only matters for a key of the same name.
_OVERRIDE = re.compile(r"(?:--)?(?:\+\+|\+|~)?(?P<key>[\w./@-]+)(?P<equals>=)?(?P<value>.*)", re.DOTALL)


def with_file_overrides(app: Sequence[str], overrides: Sequence[str], source: str) -> tuple[str, ...]:
    """Return the command with the overrides of the file `source`, except those that the command overrides.

    Raises SearchSpaceError when the command sets a part of a value of the file, or the whole of which the file sets a
    part: in which order Hydra applies the two depends on the app's defaults list.
    """
    given = {key: word for word in app if (key := _key(word)) is not None}
    added = []
    for override in overrides:
        key = _key(override) or ""
        if key in given:
            continue
        for other, word in given.items():
            if key.startswith(f"{other}.") and _is_mapping(word):
                raise _overlap(override, word, source)
            if other.startswith(f"{key}."):
                raise _overlap(override, word, source)
        added.append(override)
    return (*app, *added)


def _key(word: str) -> str | None:
    """Return the key that a word of a command line sets, also as `--key value`; None if it is not an override."""
    match = _OVERRIDE.fullmatch(word)
    is_override = match is not None and (match["equals"] or word.startswith(("~", "--")))
    return match["key"] if match is not None and is_override else None


def _is_mapping(word: str) -> bool:
    """Whether the override deletes a key or sets it to a mapping, and not to an option of a group."""
    return word.startswith("~") or word.partition("=")[2].lstrip().startswith("{")


def _overlap(override: str, word: str, source: str) -> SearchSpaceError:
    return SearchSpaceError(
        f"{source} sets {excerpt(override.lstrip('+'))} and the command {excerpt(word)}, one of which is a part of the "
        "other; set both in the file or both in the command"
    )
