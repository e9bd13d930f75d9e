from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from hydra_vertex.launcher.best.experiment_file import (
    changed,
    default_choices,
    differences,
    experiment_file,
    wrong_keys,
)
from hydra_vertex.protocol.explanation import Composition, Explanation
from hydra_vertex.protocol.json import JsonObject


def explained(
    default: JsonObject, composed: JsonObject, chosen: JsonObject | None = None, **choices: object
) -> Explanation:
    before = {"model": "nano", "experiment": None}
    return Explanation(
        arguments=(),
        program=("python", "train.py"),
        command=(),
        app_default=Composition(default, before),
        base=Composition(default, before),
        choices_only=Composition(default if chosen is None else chosen, before),
        composed=Composition(composed, {**before, **choices}),
        groups={},
    )


def test_the_file_contains_only_keys_that_differ_from_the_chosen_groups() -> None:
    chosen = {"model": {"width": 256, "depth": 4}, "lr": 0.1}
    composed = {"model": {"width": 256, "depth": 6}, "lr": 0.1}
    text = experiment_file(explained({"model": {"width": 64}, "lr": 0.1}, composed, chosen, model="small"))

    assert text.startswith("# @package _global_\n")
    assert OmegaConf.create(text) == {"defaults": [{"override /model": "small"}], "model": {"depth": 6}}


def test_an_added_group_is_not_an_override_and_the_experiment_is_omitted() -> None:
    explanation = explained({}, {}, experiment="docs", logger="csv", **{"db/engine@db.main": "b"})

    assert default_choices(explanation) == [{"/logger": "csv"}, {"/db/engine@db.main": "b"}]


def test_a_deselected_group_is_overridden_by_null() -> None:
    assert default_choices(explained({}, {}, model=None)) == [{"override /model": None}]


@pytest.mark.parametrize(
    "value",
    ["true", "null", "123", "1e-05", "007", "", " x ", "a: b", "${lr}", "é", "yes", "0x1", "multi\nline", "#no", "???"],
)
def test_text_remains_text_in_the_file(value: str) -> None:
    text = experiment_file(explained({"key": "default"}, {"key": value, "lr": 1.0}))

    loaded = OmegaConf.create(text)
    assert OmegaConf.to_container(loaded)["key"] == value


@pytest.mark.parametrize("value", [1e-05, 1, 1.0, True, None, [1, 2.0, "3"], {}, []])
def test_values_keep_their_types_in_the_file(value: object) -> None:
    loaded = OmegaConf.to_container(OmegaConf.create(experiment_file(explained({"key": "?"}, {"key": value}))))

    assert loaded["key"] == value
    assert type(loaded["key"]) is type(value)


def test_an_integer_and_an_equal_float_are_different_values() -> None:
    assert changed({"a": 1, "b": 1.0, "c": True}, {"a": 1.0, "b": 1.0, "c": 1}) == {"a": 1.0, "c": 1}


def test_a_line_break_in_the_heading_does_not_end_its_comment() -> None:
    text = experiment_file(explained({}, {}), ("name\nkey: 1",))

    assert "# name key: 1\n" in text
    assert not OmegaConf.create(text)


def test_control_characters_in_the_heading_are_escaped() -> None:
    text = experiment_file(explained({"key": 1}, {"key": 2}), ("e\x1b[2J\x00\u202e",))

    assert r"# e\x1b[2J\x00\u202e" in text
    assert OmegaConf.create(text) == {"key": 2}


def test_differences_from_the_default_config_are_listed_by_key() -> None:
    found = differences(explained({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": 1, "c": 3}, "l": [2], "new": "x"}))

    assert [(d.key, d.default, d.best) for d in found] == [("a.c", 2, 3), ("l", [1], [2]), ("new", None, "x")]


def test_keys_in_which_two_configs_differ_are_listed() -> None:
    got, wanted = {"a": {"b": 1, "c": 1}, "d": 1, "e": 1}, {"a": {"b": 1, "x": 2}, "e": 1.0}

    assert sorted(wrong_keys(got, wanted)) == ["a.c", "a.x", "d", "e"]
