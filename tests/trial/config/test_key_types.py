"""The type of a key in a composed config."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from omegaconf import MISSING, DictConfig, OmegaConf

from hydra_vertex.trial.config.key_types import KeyType, Kind, added_type, key_type, known_keys


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
        ("steps", Kind.INTEGER, "int"),
        ("limit", Kind.INTEGER, "Optional[int]"),
        ("rate", Kind.FLOAT, "float"),
        ("flag", Kind.BOOLEAN, "bool"),
        ("name", Kind.STRING, "str"),
        ("label", Kind.STRING, "Optional[str]"),
        ("out", Kind.PATH, "Path"),
        ("color", Kind.ENUM, "Color"),
        ("raw", Kind.BYTES, "bytes"),
        ("anything", Kind.INTEGER, "int"),
        ("either", Kind.ANY, "any"),
        ("layers", Kind.LIST, "list[int]"),
        ("layers.0", Kind.INTEGER, "int"),
        ("table", Kind.DICT, "dict[str, int]"),
        ("table.a", Kind.INTEGER, "int"),
        ("inner.lr", Kind.FLOAT, "float"),
        ("linked", Kind.INTEGER, "int"),
    ],
)
def test_a_schema_decides(declared: DictConfig, key: str, kind: Kind, name: str) -> None:
    found = key_type(declared, key)
    assert found is not None
    assert (found.kind, found.name) == (kind, name)


def test_a_key_that_is_added_takes_what_its_mapping_declares(declared: DictConfig) -> None:
    assert added_type(declared, "table.new") == KeyType(Kind.INTEGER, False, True)
    assert added_type(declared, "new").kind is Kind.ANY


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
        ("whole", Kind.INTEGER),
        ("fraction", Kind.FLOAT),
        ("flag", Kind.BOOLEAN),
        ("word", Kind.STRING),
        ("number_word", Kind.STRING),
        ("nothing", Kind.ANY),
        ("missing", Kind.ANY),
        ("linked", Kind.FLOAT),
        ("lost", Kind.ANY),
        ("nested", Kind.DICT),
        ("nested.3", Kind.STRING),
        ("list", Kind.LIST),
        ("list.0", Kind.INTEGER),
        ("list.1.a", Kind.STRING),
        ("other.lr", Kind.FLOAT),
    ],
)
def test_without_a_schema_the_value_in_the_config_decides(key: str, kind: Kind) -> None:
    config = OmegaConf.create(YAML)
    assert isinstance(config, DictConfig)
    found = key_type(config, key)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize("key", ["", "nope", "nested.nope", "whole.x", "list.2", "list.a", "lost.x", "nothing.x"])
def test_a_key_that_is_not_there_has_no_type(key: str) -> None:
    config = OmegaConf.create(YAML)
    assert isinstance(config, DictConfig)
    assert key_type(config, key) is None


def test_the_known_keys_are_the_dotted_ones_in_their_order() -> None:
    config = OmegaConf.create({"a": {"b": 1, "c": {"d": 2}}, "e": None, "f": "${a}"})
    assert list(known_keys(config)) == ["a", "a.b", "a.c", "a.c.d", "e", "f"]
