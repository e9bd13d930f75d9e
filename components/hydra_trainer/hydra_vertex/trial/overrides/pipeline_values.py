"""Converts the values that a pipeline gives a step into arguments of hydra-trial. Pure.

A pipeline's numbers are doubles, so 64 may arrive as 64.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.protocol.app_component import BOOLEAN, DICT, FLOAT, INTEGER, LIST, TEXT, AppParameter
from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.suggestions import quote_for_message
from hydra_vertex.trial.config.literals import is_override
from hydra_vertex.trial.config.quoting import quote

from .values import mapping_key


def pipeline_argument(parameter: AppParameter, value: Json) -> str | None:
    """Return the argument that sets the parameter's key; None when the app's own value is kept.

    A list or a mapping becomes an override, any other value a `--key=value`, which hydra-trial types by the app's
    config. Raises ArgumentError naming parameter and value.
    """
    if value is None or (value == "" and parameter.skips_empty):
        return None
    match parameter.kind, value:
        case (k, str()) if k == TEXT:
            return f"--{parameter.key}={value}"
        case (k, bool()) if k == BOOLEAN:
            return f"--{parameter.key}={str(value).lower()}"
        case (k, int() | float()) if k == INTEGER and not isinstance(value, bool) and value % 1 == 0:
            return f"--{parameter.key}={int(value)}"
        case (k, int() | float()) if k == FLOAT and not isinstance(value, bool):
            return f"--{parameter.key}={float(value)!r}"
        case (k, list()) if k == LIST:
            return _override(parameter, value)
        case (k, dict()) if k == DICT:
            return _override(parameter, value)
    shown = quote_for_message(repr(value))
    raise ArgumentError(f"{parameter.name}: the key {parameter.key} is of type {parameter.kind}, got {shown}")


def _override(parameter: AppParameter, value: Json) -> str:
    text = f"{parameter.key}={_literal(value, parameter.sample)}"
    if not is_override(text, parameter.key):
        shown = quote_for_message(repr(value))
        raise ArgumentError(f"{parameter.name}: Hydra's override syntax cannot express {shown}")
    return text


def _literal(value: Json, sample: Json) -> str:
    """Write a value. `sample` is what the app has in its place, for the types of its numbers; None when unknown."""
    if isinstance(value, Mapping):
        of = sample if isinstance(sample, Mapping) else {}
        return "{" + ",".join(f"{mapping_key(key)}:{_literal(item, of.get(key))}" for key, item in value.items()) + "}"
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(int(value)) if value % 1 == 0 and not isinstance(sample, float) else repr(float(value))
        case str():
            return quote(value)
        case _:
            return f"[{','.join(_literal(item, _item_of(sample)) for item in value)}]"


def _item_of(sample: Json) -> Json:
    """Return the item of a list that stands for all: a float if there is one."""
    items = sample if isinstance(sample, list) else []
    return next((item for item in items if isinstance(item, float)), items[0] if items else None)
