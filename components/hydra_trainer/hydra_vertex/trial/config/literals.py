"""Parses a text as plain data with Hydra's own override parser."""

from __future__ import annotations

from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, ValueType
from hydra.errors import HydraException

_QUOTES = ("'", '"')


def scalar_literal(text: str) -> str | None:
    """Return the text if Hydra parses it unquoted as a number, a boolean or null; None for anything else."""
    bare = text.strip()
    if not bare or bare[0] in _QUOTES or "(" in bare or "$" in bare:
        return None
    override = _read(bare)
    if override is None or override.value_type is not ValueType.ELEMENT:
        return None
    value = override.value()
    return bare if value is None or isinstance(value, (bool, int, float)) else None


def container_literal(text: str) -> list[object] | dict[str, object] | None:
    """Return the list or dict that Hydra parses; None for other values, and for a call or interpolation in it."""
    bare = text.strip()
    override = _read(bare) if bare.startswith(("[", "{")) else None
    if override is None or override.value_type is not ValueType.ELEMENT or not _is_data(override._value):
        return None
    value = override.value()
    return value if isinstance(value, (list, dict)) else None


def is_override(text: str, key: str) -> bool:
    """Whether Hydra parses `text` as one override of exactly this key or group, with its sign."""
    override = _parse(text)
    return override is not None and override.get_key_element() == key


def is_value(text: str) -> bool:
    """Whether Hydra parses `text` as the value of an override."""
    return _read(text) is not None


def string_or_strings(value: str) -> bool:
    """Whether Hydra parses `value` as a string or a list of strings, the options of a config group."""
    override = _read(value)
    read = override.value() if override is not None and override.value_type is ValueType.ELEMENT else None
    return isinstance(read, str) or (isinstance(read, list) and all(isinstance(item, str) for item in read))


def _is_data(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_data, value))
    if isinstance(value, dict):
        return all(map(_is_data, value.keys())) and all(map(_is_data, value.values()))
    text = value.text if isinstance(value, QuotedString) else value
    return not isinstance(text, str) or "${" not in text


def _read(value: str) -> Override | None:
    return _parse(f"key={value}")


def _parse(text: str) -> Override | None:
    try:
        return _parser().parse_override(text)
    except HydraException:
        return None


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
