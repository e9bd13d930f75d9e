"""Names the keys whose values get another type than the value in the app's config. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.explanation import ArgumentKind, ExplainedArgument
from hydra_vertex.protocol.json import Json, JsonObject


def type_notes(arguments: Iterable[ExplainedArgument], config: JsonObject) -> dict[str, str]:
    """Return a sentence for each key with a whole number in the app's `config` that the search file sets to floats."""
    return dict(_notes(arguments, config))


def _notes(arguments: Iterable[ExplainedArgument], config: JsonObject) -> Iterator[tuple[str, str]]:
    for argument in arguments:
        if argument.kind is not ArgumentKind.VALUE or argument.type != "float":
            continue
        value = _value(config, argument.key)
        if isinstance(value, int) and not isinstance(value, bool):
            text = f"{excerpt(argument.key)} is {value} in the app's config, a whole number; trials set it to floats"
            yield argument.key, text


def _value(config: JsonObject, key: str) -> Json:
    value: Json = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
