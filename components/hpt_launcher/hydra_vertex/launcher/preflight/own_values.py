"""The values of an app's config, resolved where that is possible without the app's own resolvers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_vertex.protocol.explanation import Composition
from hydra_vertex.protocol.json import Json, JsonObject

_MISSING = "???"


class NoValueError(Exception):
    """A key without a value; the text says why."""


class OwnValues:
    """The values of one composition. The option of a config group is the value of the group's name."""

    def __init__(self, composition: Composition) -> None:
        self._choices = composition.choices
        self._raw = dict(_leaves(composition.config, ""))
        self._config = OmegaConf.create(dict(composition.config))

    def value(self, key: str) -> Json:
        """Return the value of a key, or of the key that has `_` where it has `-`. Raises NoValueError."""
        if key in self._choices:
            return self._chosen(key)
        for name in (key, key.replace("-", "_")):
            try:
                node = OmegaConf.select(self._config, name, default=NoValueError, throw_on_missing=True)
            except OmegaConfBaseException as error:
                reason = " ".join(str(error).split("\n", 1)[0].split())
                raise NoValueError(f"the app's config has no value of it that is known here ({reason})") from error
            if node is not NoValueError:
                plain = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
                return cast("Json", plain)  # The config was made of JSON.
        raise NoValueError("the app's config has no such key")

    def shown(self, key: str) -> Json:
        """Return a leaf's value, or its text where it cannot be resolved, or None where it does not exist."""
        try:
            return self.value(key)
        except NoValueError:
            return self._raw.get(key)

    def keys_unlike(self, other: OwnValues) -> Iterator[str]:
        """Yield the groups with another option, and the leaves with another value or that only one config has."""
        for group in {**self._choices, **other._choices}:
            if self._choices.get(group) != other._choices.get(group):
                yield group
        for key in {**self._raw, **other._raw}:
            is_alike = key in self._raw and key in other._raw and same(self._raw[key], other._raw[key])
            if not is_alike and not same(self.shown(key), other.shown(key)):
                yield key

    def _chosen(self, group: str) -> str | None:
        option = self._choices[group]
        if option == _MISSING:
            raise NoValueError("the app's config has no option of it")
        return option


def same(left: Json, right: Json) -> bool:
    """Whether two values are the same for an app: 1 and 1.0 are, 1 and true are not."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _leaves(config: JsonObject, prefix: str) -> Iterator[tuple[str, Json]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
