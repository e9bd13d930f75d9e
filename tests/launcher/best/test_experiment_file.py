from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from hydra_vertex.launcher.best.experiment_file import (
    Content,
    changed,
    differences,
    experiment_file,
    wrong_keys,
)
from hydra_vertex.protocol.explanation import Composition, Explanation
from hydra_vertex.protocol.json import Json, JsonObject


def text_of(base: JsonObject, config: JsonObject, *keys: str, defaults: tuple[Json, ...] = ()) -> str:
    return experiment_file(Content(config, base, defaults, keys))


def test_the_file_contains_only_keys_that_differ_from_the_chosen_groups() -> None:
    base = {"model": {"width": 256, "depth": 4}, "lr": 0.1}
    composed = {"model": {"width": 256, "depth": 6}, "lr": 0.1}
    text = text_of(base, composed, defaults=({"override /model": "small"},))

    assert text.startswith("# @package _global_\n")
    assert OmegaConf.create(text) == {"defaults": [{"override /model": "small"}], "model": {"depth": 6}}


@pytest.mark.parametrize(
    ("key", "held"),
    [
        ("lr", {"lr": 0.1}),
        ("model.depth", {"model": {"depth": 4}}),
        ("model", {"model": {"depth": 4, "layers": [1, {"a": 2}]}}),
        ("model.layers.1.a", {"model": {"layers": [1, {"a": 2}]}}),
        ("absent.key", {}),
    ],
)
def test_a_key_of_the_study_is_held_although_it_has_the_default(key: str, held: JsonObject) -> None:
    config = {"lr": 0.1, "model": {"depth": 4, "layers": [1, {"a": 2}]}}

    assert OmegaConf.to_container(OmegaConf.create(text_of(config, config, key))) == held


@pytest.mark.parametrize(
    "value",
    ["true", "null", "123", "1e-05", "007", "", " x ", "a: b", "${lr}", "é", "yes", "0x1", "multi\nline", "#no", "???"],
)
def test_text_remains_text_in_the_file(value: str) -> None:
    text = text_of({"key": "default"}, {"key": value, "lr": 1.0})

    loaded = OmegaConf.create(text)
    assert OmegaConf.to_container(loaded)["key"] == value


@pytest.mark.parametrize("value", [1e-05, 1, 1.0, True, None, [1, 2.0, "3"], {}, []])
def test_values_keep_their_types_in_the_file(value: object) -> None:
    loaded = OmegaConf.to_container(OmegaConf.create(text_of({"key": "?"}, {"key": value})))

    assert loaded["key"] == value
    assert type(loaded["key"]) is type(value)


def test_an_integer_and_an_equal_float_are_different_values() -> None:
    assert changed({"a": 1, "b": 1.0, "c": True}, {"a": 1.0, "b": 1.0, "c": 1}) == {"a": 1.0, "c": 1}


def test_a_line_break_in_the_heading_does_not_end_its_comment() -> None:
    text = experiment_file(Content({}, {}), ("name\nkey: 1",))

    assert "# name key: 1\n" in text
    assert not OmegaConf.create(text)


def test_control_characters_in_the_heading_are_escaped() -> None:
    text = experiment_file(Content({"key": 2}, {"key": 1}), ("e\x1b[2J\x00\u202e",))

    assert r"# e\x1b[2J\x00\u202e" in text
    assert OmegaConf.create(text) == {"key": 2}


def test_differences_from_the_default_config_are_listed_by_key() -> None:
    before = Composition({"a": {"b": 1, "c": 2}, "l": [1]}, {})
    after = Composition({"a": {"b": 1, "c": 3}, "l": [2], "new": "x"}, {})
    found = differences(Explanation((), (), (), before, before, before, after, {}))

    assert [(d.key, d.default, d.best) for d in found] == [("a.c", 2, 3), ("l", [1], [2]), ("new", None, "x")]


def test_keys_in_which_two_configs_differ_are_listed() -> None:
    got, wanted = {"a": {"b": 1, "c": 1}, "d": 1, "e": 1}, {"a": {"b": 1, "x": 2}, "e": 1.0}

    assert sorted(wrong_keys(got, wanted)) == ["a.c", "a.x", "d", "e"]
