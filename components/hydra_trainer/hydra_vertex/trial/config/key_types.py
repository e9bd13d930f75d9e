"""The type of a key in a composed config: the declared type, or else the type of the value in the YAML.

Only this module inspects OmegaConf's nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import get_args, get_origin

from omegaconf import (
    AnyNode,
    BooleanNode,
    BytesNode,
    DictConfig,
    EnumNode,
    FloatNode,
    IntegerNode,
    ListConfig,
    Node,
    StringNode,
)
from omegaconf._utils import _resolve_optional
from omegaconf.errors import OmegaConfBaseException
from omegaconf.nodes import PathNode


class ValueKind(Enum):
    """The kinds of values that a key accepts. The enum's values are the type names in messages."""

    INTEGER = "int"
    FLOAT = "float"
    BOOLEAN = "bool"
    STRING = "str"
    PATH = "Path"
    ENUM = "enum"
    BYTES = "bytes"
    LIST = "list"
    DICT = "dict"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class KeyType:
    """`optional`: the key accepts null. `declared`: a schema declares the type; else the config's value determines it.

    `element` is the declared type of a list's items or a mapping's values; None when they have no declared type.
    """

    kind: ValueKind
    optional: bool
    declared: bool
    enum: type[Enum] | None = None
    element: KeyType | None = None

    @property
    def is_open(self) -> bool:
        """Whether only Hydra can decide if a value is valid: it checks a container item by item, or a union."""
        return self.declared and self.kind in (ValueKind.LIST, ValueKind.DICT, ValueKind.ANY)

    @property
    def name(self) -> str:
        """The type as a Python annotation."""
        name = self.enum.__name__ if self.enum else self.kind.value
        if self.element is not None:
            name = (
                f"{name}[{self.element.name}]" if self.kind is ValueKind.LIST else f"{name}[str, {self.element.name}]"
            )
        return f"Optional[{name}]" if self.optional and self.declared and self.kind is not ValueKind.ANY else name


ANYTHING = KeyType(ValueKind.ANY, optional=True, declared=False)
"""The type of a key without a known type."""

_DECLARED = (
    (IntegerNode, ValueKind.INTEGER),
    (FloatNode, ValueKind.FLOAT),
    (BooleanNode, ValueKind.BOOLEAN),
    (StringNode, ValueKind.STRING),
    (PathNode, ValueKind.PATH),
    (BytesNode, ValueKind.BYTES),
)
_ANNOTATIONS = (
    (int, ValueKind.INTEGER),
    (float, ValueKind.FLOAT),
    (bool, ValueKind.BOOLEAN),
    (str, ValueKind.STRING),
    (Path, ValueKind.PATH),
    (list, ValueKind.LIST),
    (dict, ValueKind.DICT),
)
# bool precedes int, because it is a subclass of int.
_OF_VALUE = ((bool, ValueKind.BOOLEAN), (int, ValueKind.INTEGER), (float, ValueKind.FLOAT), (str, ValueKind.STRING))


def key_type(config: DictConfig, key: str) -> KeyType | None:
    """Return the type of a dotted key (`optimizer.lr`, `layers.0`); None when the config has no such key."""
    *parents, last = key.split(".")
    holder: object = config
    for part in parents:
        holder = _dereferenced(_child(holder, part))
    node = _child(holder, last)
    return None if node is None else _type_of(node)


def is_computed(config: DictConfig, key: str) -> bool:
    """Whether a key's value is an interpolation, or a part of one."""
    holder: object = config
    for part in key.split("."):
        holder = _child(holder, part)
        if isinstance(holder, Node) and holder._is_interpolation():
            return True
    return False


def added_type(config: DictConfig, key: str) -> KeyType:
    """Return the type of a key that is not in the config: the declared value type of its mapping, else ANYTHING."""
    parent: object = config
    for part in key.split(".")[:-1]:
        parent = _dereferenced(_child(parent, part))
    if isinstance(parent, DictConfig):
        return _annotated(parent._metadata.element_type) or ANYTHING
    return ANYTHING


def _annotated(annotation: object) -> KeyType | None:
    """Return the type that an annotation declares; None for Any, a union or another class."""
    optional, bare = _resolve_optional(annotation)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return KeyType(ValueKind.ENUM, optional, True, bare)
    kind = next((kind for class_, kind in _ANNOTATIONS if class_ in (bare, get_origin(bare))), None)
    if kind is None:
        return None
    return KeyType(kind, optional, True, element=_element(get_args(bare)[-1:]))


def _element(annotations: tuple[object, ...]) -> KeyType | None:
    """Return the type of the items; None unless it is known down to the scalars."""
    type_ = _annotated(annotations[0]) if annotations else None
    is_open = type_ is None or (type_.kind in (ValueKind.LIST, ValueKind.DICT) and type_.element is None)
    return None if is_open else type_


def respellings(config: DictConfig, key: str) -> list[str]:
    """Return the keys of the config that differ from `key` only in `-` and `_`."""
    found: list[tuple[str, object]] = [("", config)]
    for part in key.split("."):
        found = [
            (f"{path}.{name}" if path else name, _dereferenced(_child(holder, name)))
            for path, holder in found
            for name in _names(holder)
            if same_spelling(name, part)
        ]
    return [path for path, _ in found]


def same_spelling(name: str, other: str) -> bool:
    """Whether two names differ only in `-` and `_`: a service or a shell may allow only one of the two."""
    return name.replace("-", "_") == other.replace("-", "_")


def known_keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key of the config in its order, each mapping before its own keys."""
    if config._is_none() or config._is_missing() or config._is_interpolation():
        return
    for name in map(_key_text, config):
        key = f"{prefix}{name}"
        yield key
        child = _child(config, name)
        if isinstance(child, DictConfig):
            yield from known_keys(child, f"{key}.")


def _names(holder: object) -> Iterator[str]:
    if isinstance(holder, DictConfig) and not (holder._is_none() or holder._is_missing()):
        yield from map(_key_text, holder)
    elif isinstance(holder, ListConfig) and not (holder._is_none() or holder._is_missing()):
        yield from map(str, range(len(holder)))


def _child(holder: object, name: str) -> Node | None:
    node: object = None
    if isinstance(holder, DictConfig) and not (holder._is_none() or holder._is_missing()):
        node = next((holder._get_node(key) for key in holder if _key_text(key) == name), None)
    elif isinstance(holder, ListConfig) and name.isdecimal() and int(name) < len(holder):
        node = holder._get_node(int(name))
    return node if isinstance(node, Node) else None


def _key_text(key: object) -> str:
    """Return a mapping's key as an override writes it: an enum member by its name."""
    return key.name if isinstance(key, Enum) else str(key)


def _dereferenced(node: Node | None) -> Node | None:
    if node is None or not node._is_interpolation():
        return node
    try:
        return node._maybe_dereference_node()
    except OmegaConfBaseException:
        return None


def _type_of(node: Node) -> KeyType:
    optional, declared = node._is_optional(), not isinstance(node, AnyNode)
    if isinstance(node, EnumNode):
        return KeyType(ValueKind.ENUM, optional, declared, node.enum_type)
    for node_class, kind in _DECLARED:
        if isinstance(node, node_class):
            return KeyType(kind, optional, declared)
    if isinstance(node, (ListConfig, DictConfig)):
        kind = ValueKind.LIST if isinstance(node, ListConfig) else ValueKind.DICT
        return KeyType(kind, optional, declared, element=_element((node._metadata.element_type,)))
    return _type_of_value(node)


def _type_of_value(node: Node) -> KeyType:
    """Return the type of an untyped key, from its current value, or of a union."""
    target = _dereferenced(node)
    if not isinstance(node, AnyNode):
        return KeyType(ValueKind.ANY, optional=True, declared=True)
    if target is None or target._is_none() or target._is_missing():
        return ANYTHING
    if target is not node:
        return _type_of(target)
    value = node._value()
    return next((KeyType(kind, True, False) for kind_of, kind in _OF_VALUE if isinstance(value, kind_of)), ANYTHING)
