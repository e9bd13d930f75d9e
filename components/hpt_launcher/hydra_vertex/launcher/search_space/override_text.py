"""Writes a value of a YAML config as text of Hydra's override grammar. Pure.

Each text is parsed again with Hydra's own parser, and used only if it yields the value, with its type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from hydra_vertex.protocol.json import Json

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_KEYWORDS = frozenset({"true", "false", "null", "nan", "inf"})


def override_text(key: str, value: Json) -> str | None:
    """Return `++key=value`, which sets or adds the key; None if Hydra's grammar cannot express the key or the value.

    Interpolations (`${...}`) and OmegaConf's missing value (`???`) keep their meaning.
    """
    return next((text for text in _candidates(key, value) if _sets(text, key, value)), None)


def _candidates(key: str, value: Json) -> Iterator[str]:
    # Hydra's grammar has no quotes for quotes inside an interpolation, so that one is tried without quotes first.
    if isinstance(value, str) and value.startswith("${"):
        yield f"++{key}={value}"
    yield f"++{key}={value_text(value)}"


def value_text(value: Json) -> str:
    """Return a value in Hydra's grammar; that it is read as the same value is for the caller to check."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return "nan" if value != value else ("inf" if value > 0 else "-inf")
        case int() | float():
            return repr(value)
        case str():
            return value if _PLAIN.fullmatch(value) and value.casefold() not in _KEYWORDS else _quoted(value)
        case Mapping():
            return "{" + ",".join(f"{_key(name)}:{value_text(item)}" for name, item in value.items()) + "}"
        case _:
            return f"[{','.join(map(value_text, value))}]"


def _quoted(text: str) -> str:
    """Quote a text. Inside quotes a backslash is literal, except before a quote and at the end."""
    without_quotes = re.sub(r"(\\*)'", lambda match: match[1] * 2 + r"\'", text)
    ended = re.sub(r"\\+\Z", lambda match: match[0] * 2, without_quotes)
    return f"'{ended}'"


def _key(name: str) -> str:
    """Write the key of a mapping: Hydra's grammar has no quotes there, but a backslash before special characters."""
    return re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", name)


def _sets(text: str, key: str, value: Json) -> bool:
    try:
        override = _parser().parse_override(text)
    except (HydraException, RecursionError):
        return False
    if override.get_key_element() != f"++{key}" or override.is_sweep_override():
        return False
    return _is_same(override.value(), value)


def _is_same(left: object, right: Json) -> bool:
    match left, right:
        case list(), list():
            return len(left) == len(right) and all(map(_is_same, left, right))
        case dict(), dict():
            return [*left] == [*right] and all(_is_same(left[name], right[name]) for name in right)
        case float(), float() if math.isnan(left):
            return math.isnan(right)
        case _:
            return type(left) is type(right) and left == right


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
