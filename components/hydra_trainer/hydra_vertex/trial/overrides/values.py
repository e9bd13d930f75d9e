"""Converts a parameter's text into a value of its key's type, in Hydra's override grammar. Pure.

The text is data: it never becomes a sweep, a function call or an interpolation.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import Enum

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.sweep_values import SweepOption
from hydra_vertex.trial.config.key_types import KeyType, ValueKind
from hydra_vertex.trial.config.literals import container_literal, is_value, scalar_literal
from hydra_vertex.trial.config.quoting import quote

_NUMBER = re.compile(r"[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_TRUE = frozenset({"true", "yes", "on", "1", "1.0"})
_FALSE = frozenset({"false", "no", "off", "0", "0.0"})
_NULL = "null"
_CONVERTED = frozenset({ValueKind.INTEGER, ValueKind.FLOAT, ValueKind.ENUM})
_MOST_DIGITS = 400
"""Limit for integers: more digits than any double has are a mistake, and writing them out would exhaust the memory."""


def literal_text(literal: SweepOption, type_: KeyType) -> str:
    """Return the value for `key=` from a literal of the search file: as Hydra writes it in a job of a sweep.

    Numbers and enums are converted as in `value_text`, which accepts more than Hydra: 64.0 for an int. Any other value
    is Hydra's to refuse, when the config is composed. Raises ArgumentError that states the allowed values.
    """
    value = literal.value
    if isinstance(value, str) and not is_value(literal.text):
        return quote(value)  # Hydra's choice() drops the quotes of its options.
    if not type_.declared or type_.kind not in _CONVERTED or value is None or _is_open(value):
        return literal.text
    return value_text(_scalar(value), type_)


def _is_open(value: object) -> bool:
    """Whether only Hydra can decide if a scalar key accepts the value: a container, interpolation, or quoted 'null'."""
    if isinstance(value, str):
        return "${" in value or value.strip().casefold() == _NULL
    return isinstance(value, (list, dict))


def value_text(text: str, type_: KeyType) -> str:
    """Return the value for `key=`. Raises ArgumentError that states the allowed values; the caller adds the key."""
    if text.strip().casefold() == _NULL and _takes_null(type_):
        return _NULL
    match type_.kind:
        case ValueKind.INTEGER:
            return _integer(text, type_)
        case ValueKind.FLOAT:
            return _float(text)
        case ValueKind.BOOLEAN:
            return _boolean(text)
        case ValueKind.STRING | ValueKind.PATH:
            return quote(text)
        case ValueKind.ENUM:
            return quote(_member(text, type_))
        case ValueKind.LIST | ValueKind.DICT:
            return _container(text, type_)
        case ValueKind.BYTES:
            raise ArgumentError("Hydra's override syntax cannot express bytes; set the key in the config")
        case ValueKind.ANY:
            return _anything(text)


def _takes_null(type_: KeyType) -> bool:
    """Whether `null` is null for this type. For an untyped string it is text; only a schema makes a string optional."""
    return type_.optional and (type_.declared or type_.kind is not ValueKind.STRING)


def _integer(text: str, type_: KeyType) -> str:
    number = text.strip()
    if not _NUMBER.fullmatch(number):
        raise ArgumentError("expected a whole number, such as 64 or 64.0")
    value = Decimal(number)
    if value.adjusted() > _MOST_DIGITS:
        raise ArgumentError(f"expected a whole number of at most {_MOST_DIGITS} digits")
    if value != value.to_integral_value():
        hint = "" if type_.declared else "; its value in the config is a whole number, write that as 1.0 for a float"
        raise ArgumentError(f"expected a whole number, such as 64 or 64.0{hint}")
    return str(int(value))


def _float(text: str) -> str:
    number = text.strip()
    if not _NUMBER.fullmatch(number) and not _NOT_FINITE.fullmatch(number):
        raise ArgumentError("expected a number, such as 0.003 or 3e-3")
    value = float(number)
    if math.isinf(value) and not _NOT_FINITE.fullmatch(number):
        raise ArgumentError("expected a number that a double can hold, at most about 1.8e308")
    return repr(value)


def _boolean(text: str) -> str:
    word = text.strip().casefold()
    if word in _TRUE:
        return "true"
    if word in _FALSE:
        return "false"
    raise ArgumentError("expected one of true, false, yes, no, on, off, 1, 0")


def _member(text: str, type_: KeyType) -> str:
    members: dict[str, Enum] = {} if type_.enum is None else dict(type_.enum.__members__)
    name = text.strip()
    for prefix in ("", f"{type_.name}.", f"{type_.enum.__name__}." if type_.enum else ""):
        if name.startswith(prefix) and name.removeprefix(prefix) in members:
            return name.removeprefix(prefix)
    for member_name, member in members.items():
        if _is_value(name, member.value):
            return member_name
    raise ArgumentError(f"expected one of {', '.join(members)}")


def _is_value(text: str, value: object) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return bool(_NUMBER.fullmatch(text)) and Decimal(text) == Decimal(value)
    return isinstance(value, str) and text == value


def _container(text: str, type_: KeyType) -> str:
    value = container_literal(text)
    if not isinstance(value, list if type_.kind is ValueKind.LIST else dict):
        example = "[64,128]" if type_.kind is ValueKind.LIST else "{a:1,b:2}"
        raise ArgumentError(f"expected a {type_.kind.value} in Hydra's syntax, such as {example}")
    return text.strip() if type_.element is None else _literal(value, type_)


def _literal(value: object, type_: KeyType) -> str:
    """Write a list or dict that Hydra parsed, with each item converted to its declared type."""
    match value, type_:
        case list(), KeyType(kind=ValueKind.LIST, element=KeyType() as element):
            return f"[{','.join(_item(item, element) for item in value)}]"
        case dict(), KeyType(kind=ValueKind.DICT, element=KeyType() as element):
            return "{" + ",".join(f"{mapping_key(key)}:{_item(item, element)}" for key, item in value.items()) + "}"
        case list() | dict(), _:
            raise ArgumentError(f"expected {type_.name}")
        case _:
            return value_text(_scalar(value), type_)


def _item(value: object, type_: KeyType) -> str:
    try:
        return _literal(value, type_)
    except ArgumentError as error:
        raise ArgumentError(f"its item {_scalar(value)!r} is of the wrong type: {error}") from error


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: _NULL, True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, float) else str(value)


def mapping_key(key: object) -> str:
    """Return a mapping's key. Hydra accepts no quotes there, but a backslash before a character that ends a key."""
    return re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", _scalar(key))


def _anything(text: str) -> str:
    """Write the value of a key without a known type: what Hydra parses, if it is plain data; else a string."""
    if container_literal(text) is not None:
        return text.strip()
    literal = scalar_literal(text)
    return quote(text) if literal is None else literal
