"""The best trial's config as a Hydra experiment file, its overrides, and its difference to the app's defaults.

The file is a difference between composed configs, so it holds what the whole command line made of the config, typed by
Hydra itself: the user's own overrides and experiment as well as the trial's parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, Composition, Explanation
from hydra_vertex.protocol.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose value is not the app's default. None as `default` is a key that the default config does not have."""

    key: str
    default: Json
    best: Json


def experiment_file(explanation: Explanation, heading: tuple[str, ...] = ()) -> str:
    """The text of an experiment file (`# @package _global_`) that makes the app compose the explained config.

    `heading` is put on top as comments. Keys that the command line deleted cannot be said in a config file.
    """
    from omegaconf import OmegaConf

    comments = [comment(line) for line in heading]
    body: dict[str, Json] = {}
    if defaults := default_choices(explanation):
        body["defaults"] = defaults
    body.update(changed(explanation.choices_only.config, explanation.composed.config))
    text = OmegaConf.to_yaml(OmegaConf.create(body)) if body else ""
    return "\n".join(["# @package _global_", *comments, "", text])


def comment(text: str) -> str:
    """A comment line of YAML, whose reader refuses control characters even there."""
    return f"# {one_line(' '.join(text.split()))}"


def default_choices(explanation: Explanation) -> list[Json]:
    """The defaults list: one `override /group: option` for each group that is not as the app's defaults choose it."""
    before, after = explanation.app_default.choices, explanation.composed.choices
    return [
        {(f"override /{group}" if group in before else f"/{group}"): option}
        for group, option in after.items()
        if group != EXPERIMENT_GROUP and (group not in before or before[group] != option)
    ]


def changed(base: JsonObject, other: JsonObject) -> dict[str, Json]:
    """The part of `other` that differs from `base`: mappings key by key, everything else whole."""
    result: dict[str, Json] = {}
    for key, value in other.items():
        if key in base and _same(base[key], value):
            continue
        before = base.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[key] = changed(before, value) if both else value  # type: ignore[arg-type] # both narrows them
    return result


def wrong_keys(got: JsonObject, wanted: JsonObject) -> Iterator[str]:
    """The dotted keys at which two configs differ, those that only one of them has included."""
    before, after = dict(_walk(got, "")), dict(_walk(wanted, ""))
    for key in {**after, **before}:
        if key not in before or key not in after or not _same(before[key], after[key]):
            yield key


def differences(explanation: Explanation) -> tuple[Difference, ...]:
    """What the best config changes in the app's defaults, key by key, in the config's order."""
    before = dict(_leaves(explanation.app_default))
    after = dict(_leaves(explanation.composed))
    return tuple(
        Difference(key, before.get(key), value)
        for key, value in after.items()
        if key not in before or not _same(before[key], value)
    )


def _leaves(composition: Composition) -> Iterator[tuple[str, Json]]:
    return _walk(composition.config, "")


def _walk(value: JsonObject, prefix: str) -> Iterator[tuple[str, Json]]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _walk(item, f"{prefix}{key}.")
        else:
            yield prefix + key, item


def _same(left: Json, right: Json) -> bool:
    """Equal in value and in type: 1 is not 1.0 and not True in a config."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and left == right
