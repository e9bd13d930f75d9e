"""The type of a key in a composed config."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from omegaconf import MISSING, DictConfig, OmegaConf

from hydra_vertex.trial.config.key_types import KeyType, ValueKind, added_type, key_type, known_keys


class Color(Enum):
    RED = 1


@dataclass
class Inner:
    lr: float = 0.1


@dataclass
class Schema:
    steps: int = MISSING
    limit: int | None = None
    rate: float = 1
    flag: bool = True
    name: str = "x"
    label: str | None = None
    out: Path = Path("/x")
    color: Color = Color.RED
    raw: bytes = b"x"
    anything: Any = 3
    either: int | str = 3
    layers: list[int] = field(default_factory=lambda: [1])
    table: dict[str, int] = field(default_factory=lambda: {"a": 1})
    inner: Inner = field(default_factory=Inner)
    linked: int = "${steps}"  # type: ignore[assignment] # OmegaConf takes an interpolation for any type


@pytest.fixture
def declared() -> DictConfig:
    config = OmegaConf.structured(Schema)
    OmegaConf.set_struct(config, True)
    assert isinstance(config, DictConfig)
    return config


@pytest.mark.parametrize(
    ("key", "kind", "name"),
    [
        ("steps", ValueKind.INTEGER, "int"),
        ("limit", ValueKind.INTEGER, "Optional[int]"),
        ("rate", ValueKind.FLOAT, "float"),
        ("flag", ValueKind.BOOLEAN, "bool"),
        ("name", ValueKind.STRING, "str"),
        ("label", ValueKind.STRING, "Optional[str]"),
        ("out", ValueKind.PATH, "Path"),
        ("color", ValueKind.ENUM, "Color"),
        ("raw", ValueKind.BYTES, "bytes"),
        ("anything", ValueKind.INTEGER, "int"),
        ("either", ValueKind.ANY, "any"),
        ("layers", ValueKind.LIST, "list[int]"),
        ("layers.0", ValueKind.INTEGER, "int"),
        ("table", ValueKind.DICT, "dict[str, int]"),
        ("table.a", ValueKind.INTEGER, "int"),
        ("inner.lr", ValueKind.FLOAT, "float"),
        ("linked", ValueKind.INTEGER, "int"),
    ],
)
def test_the_schema_determines_the_type_of_a_key(declared: DictConfig, key: str, kind: ValueKind, name: str) -> None:
    found = key_type(declared, key)
    assert found is not None
    assert (found.kind, found.name) == (kind, name)


def test_an_added_key_has_the_value_type_that_its_mapping_declares(declared: DictConfig) -> None:
    assert added_type(declared, "table.new") == KeyType(ValueKind.INTEGER, False, True)
    assert added_type(declared, "new").kind is ValueKind.ANY


YAML = """
whole: 3
fraction: 1e-3
flag: false
word: adam
number_word: "3"
nothing: null
missing: ???
linked: ${nested.lr}
lost: ${no.such}
nested: {lr: 0.5, 3: x}
list: [1, {a: b}]
other: ${nested}
"""


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("whole", ValueKind.INTEGER),
        ("fraction", ValueKind.FLOAT),
        ("flag", ValueKind.BOOLEAN),
        ("word", ValueKind.STRING),
        ("number_word", ValueKind.STRING),
        ("nothing", ValueKind.ANY),
        ("missing", ValueKind.ANY),
        ("linked", ValueKind.FLOAT),
        ("lost", ValueKind.ANY),
        ("nested", ValueKind.DICT),
        ("nested.3", ValueKind.STRING),
        ("list", ValueKind.LIST),
        ("list.0", ValueKind.INTEGER),
        ("list.1.a", ValueKind.STRING),
        ("other.lr", ValueKind.FLOAT),
    ],
)
def test_without_a_schema_the_configs_value_determines_the_type(key: str, kind: ValueKind) -> None:
    config = OmegaConf.create(YAML)
    assert isinstance(config, DictConfig)
    found = key_type(config, key)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize("key", ["", "nope", "nested.nope", "whole.x", "list.2", "list.a", "lost.x", "nothing.x"])
def test_a_missing_key_has_no_type(key: str) -> None:
    config = OmegaConf.create(YAML)
    assert isinstance(config, DictConfig)
    assert key_type(config, key) is None


def test_the_known_keys_are_dotted_keys_in_the_order_of_the_config() -> None:
    config = OmegaConf.create({"a": {"b": 1, "c": {"d": 2}}, "e": None, "f": "${a}"})
    assert list(known_keys(config)) == ["a", "a.b", "a.c", "a.c.d", "e", "f"]
