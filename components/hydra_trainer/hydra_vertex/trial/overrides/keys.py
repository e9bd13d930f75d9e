"""Finds the config key that a parameter sets, and writes the override for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from omegaconf import DictConfig

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.suggestions import quote_for_message, suggest
from hydra_vertex.trial.config.composition import AppConfig
from hydra_vertex.trial.config.key_types import KeyType, added_type, key_type, known_keys, respellings
from hydra_vertex.trial.config.literals import is_override

from .arguments import Parameter
from .values import literal_text, value_text


class UnknownKeyError(ArgumentError):
    """The app's config has no key of a parameter's name."""


@dataclass(frozen=True, slots=True)
class TypedParameter:
    """A parameter with the config's spelling of its key, and the type of that key."""

    parameter: Parameter
    type: KeyType

    @property
    def needs_composition(self) -> bool:
        """Whether only a composition can decide if the config accepts the value."""
        return self.type.is_open or bool(self.parameter.sign)

    @property
    def type_name(self) -> str:
        """The type that the value gets, as a Python annotation: that of its literal, unless the key declares one."""
        literal = self.parameter.literal
        if literal is None or self.type.declared:
            return self.type.name
        return "null" if literal.value is None else type(literal.value).__name__

    @property
    def override(self) -> str:
        """The Hydra override that sets the key. Raises ArgumentError naming key, value and allowed values."""
        return value_override(self.parameter, self.type)


class Keys:
    """The keys of a composed config, and the keys that `signed` parameters (`--+key=`) add."""

    def __init__(self, app: AppConfig, config: DictConfig, signed: Iterable[Parameter] = ()) -> None:
        self._app = app
        self._config = config
        self._added = {parameter.key for parameter in signed}

    def typed(self, parameter: Parameter) -> TypedParameter:
        """Return the parameter with its key's type.

        Raises UnknownKeyError when the config has no such key, ArgumentError when `+` would add a key that the config
        already has.
        """
        found = key_type(self._config, parameter.key)
        if found is not None:
            return TypedParameter(self._existing(parameter), found)
        if parameter.sign or parameter.key in self._added:
            return TypedParameter(parameter, added_type(self._config, parameter.key))
        like = respellings(self._config, parameter.key)
        if len(like) == 1:
            return self.typed(replace(parameter, key=like[0]))
        raise self._unknown(parameter, like)

    def _existing(self, parameter: Parameter) -> Parameter:
        if parameter.sign == "+":
            key = parameter.key
            raise ArgumentError(
                f"{quote_for_message(parameter.argument)}: the app's config has the key {key!r} already; "
                f"write --{key}= to set it, or --++{key}= to set it or add it"
            )
        return parameter

    def _unknown(self, parameter: Parameter, like: list[str]) -> UnknownKeyError:
        keys = [key for key in known_keys(self._config) if not key.startswith("hydra")]
        near = f"; it has {' and '.join(like)}" if like else suggest(parameter.key, [*keys, *self._app.groups()])
        return UnknownKeyError(
            f"{quote_for_message(parameter.argument)}: the app's config has no key {parameter.key!r}{near}"
        )


def value_override(parameter: Parameter, type_: KeyType) -> str:
    """Return the Hydra override that sets the key. Raises ArgumentError naming key, value and allowed values."""
    signed = f"{parameter.sign}{parameter.key}"
    try:
        override = f"{signed}={_value(parameter, type_)}"
    except ArgumentError as error:
        key = f"{parameter.key}={quote_for_message(parameter.text)!r}"
        raise ArgumentError(f"{key}: the key is {_article(type_.name)}; {error}") from error
    if not is_override(override, signed):
        written = quote_for_message(parameter.argument)
        raise ArgumentError(f"{written}: Hydra's override syntax cannot express the key {parameter.key!r}")
    return override


def _value(parameter: Parameter, type_: KeyType) -> str:
    if parameter.literal is not None:
        return literal_text(parameter.literal, type_)
    return value_text(parameter.text, type_)


def _article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
