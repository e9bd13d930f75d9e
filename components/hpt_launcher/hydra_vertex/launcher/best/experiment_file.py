"""Writes a config as a Hydra experiment file, and lists its differences from the app's defaults.

The experiment file is the difference between two composed configs. It therefore contains the effect of the whole
command line, with the types that Hydra gave: the user's own overrides and experiment, and the trial's parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.explanation import EXPERIMENT_GROUP, Composition, Explanation
from hydra_vertex.protocol.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose value is not the app's default. `default` is None for a key that the default config does not have."""

    key: str
    default: Json
    best: Json


def experiment_file(explanation: Explanation, heading: tuple[str, ...] = ()) -> str:
    """Return the text of an experiment file (`# @package _global_`) that makes the app compose the explained config.

    The lines of `heading` become comments at the top. A config file cannot delete keys, so those that the command line
    deleted remain.
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
    """Return a YAML comment line. Control characters are escaped: YAML readers refuse them in comments too."""
    return f"# {one_line(' '.join(text.split()))}"


def default_choices(explanation: Explanation) -> list[Json]:
    """Return the defaults list: one `override /group: option` for each group whose option is not the app's default."""
    before, after = explanation.app_default.choices, explanation.composed.choices
    left_out = {EXPERIMENT_GROUP, *explanation.study.groups}
    return [
        {(f"override /{group}" if group in before else f"/{group}"): option}
        for group, option in after.items()
        if group not in left_out and (group not in before or before[group] != option)
    ]


def changed(base: JsonObject, other: JsonObject) -> dict[str, Json]:
    """Return the part of `other` that differs from `base`: mappings are compared by key, other values as a whole."""
    result: dict[str, Json] = {}
    for key, value in other.items():
        if key in base and _same(base[key], value):
            continue
        before = base.get(key)
        are_mappings = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[key] = changed(before, value) if are_mappings else value  # type: ignore[arg-type] # narrowed above
    return result


def wrong_keys(got: JsonObject, wanted: JsonObject) -> Iterator[str]:
    """Yield the dotted keys in which two configs differ, including keys that only one of them has."""
    before, after = dict(_walk(got, "")), dict(_walk(wanted, ""))
    for key in {**after, **before}:
        if key not in before or key not in after or not _same(before[key], after[key]):
            yield key


def differences(explanation: Explanation) -> tuple[Difference, ...]:
    """Return each key whose value differs from the app's default, in the order of the composed config."""
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
    """Whether two values are equal in value and in type: in a config, 1 is neither 1.0 nor True."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and left == right
