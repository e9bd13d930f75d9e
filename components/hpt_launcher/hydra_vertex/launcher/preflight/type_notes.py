"""Names the keys whose values get another type than the value in the app's config. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.explanation import ArgumentKind, Explanation
from hydra_vertex.protocol.json import Json, JsonObject


def type_notes(explanation: Explanation) -> tuple[str, ...]:
    """Return one sentence for each untyped whole number of the config that the search file sets to floats."""
    return tuple(dict.fromkeys(_notes(explanation)))


def _notes(explanation: Explanation) -> Iterator[str]:
    for argument in explanation.arguments:
        if argument.kind is not ArgumentKind.VALUE or argument.type != "float":
            continue
        value = _value(explanation.base.config, argument.key)
        if isinstance(value, int) and not isinstance(value, bool):
            yield f"{excerpt(argument.key)} is {value} in the app's config, a whole number; trials set it to floats"


def _value(config: JsonObject, key: str) -> Json:
    value: Json = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
