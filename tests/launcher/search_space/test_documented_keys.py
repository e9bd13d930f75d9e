"""The tables of keys in docs/search-files.md name every key that the code treats in its own way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hydra_vertex.launcher.search_space import hydra_part

DOCS = Path(__file__).resolve().parents[3] / "docs" / "search-files.md"
ROWS = dict(re.findall(r"^\| `hydra\.([a-z_.]+)` \| (.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
EFFECTS = {
    "no effect": {
        *hydra_part.SECTIONS_WITHOUT_EFFECT,
        *(f"sweeper.{key}" for key in hydra_part.KEYS_WITHOUT_EFFECT),
    },
    "refused": {*hydra_part.REFUSED_SECTIONS, *(f"sweeper.{key}" for key in hydra_part.REFUSED_KEYS)},
    "converted": {f"sweeper.{key}" for key in hydra_part.CONVERTED},
    "the ": {f"sweeper.{key}" for key in hydra_part.UNDERSTOOD},
}


@pytest.mark.parametrize(("effect", "key"), [(effect, key) for effect, keys in EFFECTS.items() for key in sorted(keys)])
def test_a_key_is_documented_with_its_effect(effect: str, key: str) -> None:
    assert ROWS[key].startswith(effect)


def test_no_other_key_is_documented() -> None:
    assert set(ROWS) == set.union(*EFFECTS.values())
