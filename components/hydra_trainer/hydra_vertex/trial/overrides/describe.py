"""Describes keys of the app's config: type, value and choices, for a launcher that offers them as inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from omegaconf import DictConfig

from hydra_vertex.protocol.explanation import DescribedKey
from hydra_vertex.protocol.json import Json
from hydra_vertex.trial.config.composition import AppConfig, choices_of, plain
from hydra_vertex.trial.config.key_types import is_computed

from .arguments import Parameter, split_sign
from .delivery import GROUP_TYPE
from .keys import Keys

_MISSING = "???"


def describe_keys(app: AppConfig, config: DictConfig, names: Sequence[str]) -> tuple[DescribedKey, ...]:
    """Describe keys and config groups by their names; a name with `+` is a key that is added.

    Raises ArgumentError for the first name that the app's config does not have.
    """
    return tuple(_described(app, config, names))


def _described(app: AppConfig, config: DictConfig, names: Sequence[str]) -> Iterator[DescribedKey]:
    parameters = [Parameter(split_sign(name)[1], "", name, split_sign(name)[0]) for name in names]
    keys = Keys(app, config, [parameter for parameter in parameters if parameter.sign])
    values = plain(config).config
    for parameter in parameters:
        options = app.options(parameter.key.partition("@")[0])
        if options:
            yield _group(parameter.key, options, config)
            continue
        typed = keys.typed(parameter)
        key = typed.parameter.key
        value = None if is_computed(config, key) else _at(values, key)
        is_required = value == _MISSING
        yield DescribedKey(
            name=f"{typed.parameter.sign}{key}",
            kind=typed.type.kind.value,
            value=None if is_required or _has_reference(value) else value,
            is_required=is_required,
            choices=tuple(typed.type.enum.__members__) if typed.type.enum else (),
        )


def _group(group: str, options: tuple[str, ...], config: DictConfig) -> DescribedKey:
    chosen = choices_of(config).get(group)
    is_required = chosen == _MISSING
    return DescribedKey(group, GROUP_TYPE, None if is_required else chosen, is_required, options)


def _has_reference(value: Json) -> bool:
    """Whether a value depends on other keys, or has mandatory parts."""
    match value:
        case str():
            return "${" in value or value == _MISSING
        case list():
            return any(map(_has_reference, value))
        case dict():
            return any(map(_has_reference, value.values()))
    return False


def _at(values: Json, key: str) -> Json:
    for part in key.split("."):
        if isinstance(values, list):
            values = values[int(part)] if part.isdecimal() and int(part) < len(values) else None
        else:
            values = values.get(part) if isinstance(values, dict) else None
    return values
