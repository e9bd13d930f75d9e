"""Writes a config as a Hydra experiment file, and lists its differences from the app's defaults.

The experiment file is the difference between two composed configs, with the types that Hydra gave. It has the values of
the study even where there is no difference: a default that is changed later does not change the best config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.explanation import Composition, Explanation
from hydra_vertex.protocol.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose value is not the app's default. `default` is None for a key that the default config does not have."""

    key: str
    default: Json
    best: Json


@dataclass(frozen=True, slots=True)
class Content:
    """What an experiment file is made of.

    `defaults` is its defaults list. `base` is the config with this defaults list, and `config` the wanted one. `keys`
    are held in any case, also when the base has the same values.
    """

    config: JsonObject
    base: JsonObject
    defaults: tuple[Json, ...] = ()
    keys: tuple[str, ...] = ()


def experiment_file(content: Content, heading: tuple[str, ...] = ()) -> str:
    """Return the text of an experiment file (`# @package _global_`) with which the app composes the wanted config.

    The lines of `heading` become comments at the top. A config file cannot delete keys, so those that the command line
    deleted remain.
    """
    from omegaconf import OmegaConf

    comments = [comment(line) for line in heading]
    body: dict[str, Json] = {}
    if content.defaults:
        body["defaults"] = list(content.defaults)
    values = changed(content.base, content.config)
    for key in content.keys:
        values = merged(values, part(content.config, key.split(".")))
    # The order of the config, in which a reader finds the keys again.
    body.update({key: values[key] for key in content.config if key in values})
    text = OmegaConf.to_yaml(OmegaConf.create(body)) if body else ""
    return "\n".join(["# @package _global_", *comments, "", text])


def comment(text: str) -> str:
    """Return a YAML comment line. Control characters are escaped: YAML readers refuse them in comments too."""
    return f"# {one_line(' '.join(text.split()))}"


def part(config: JsonObject, path: Sequence[str]) -> dict[str, Json]:
    """Return the config with nothing but the key of this path; a list on the path is taken as a whole."""
    if not path or path[0] not in config:
        return {}
    value = config[path[0]]
    if isinstance(value, Mapping) and len(path) > 1:
        below = part(value, path[1:])
        return {path[0]: below} if below else {}
    return {path[0]: value}


def merged(config: JsonObject, other: JsonObject) -> dict[str, Json]:
    """Return both configs in one: mappings are merged by key, other values are those of `other`."""
    result = dict(config)
    for key, value in other.items():
        before = result.get(key)
        are_mappings = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[key] = merged(before, value) if are_mappings else value  # type: ignore[arg-type] # narrowed above
    return result


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
