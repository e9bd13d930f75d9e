"""Removes secrets from a config before it is written to a file that users may commit. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hydra_vertex.launcher.secrets.keys import is_reference, is_secret_key, variable_name
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.protocol.json import Json, JsonObject

_ABSENT: Json = "\0"
"""Marks a key that a base does not have. No config value equals it: YAML has no NUL."""

MISSING = "???"
"""OmegaConf's mark of a mandatory value that is not set."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A key whose secret is not written to the file, and the text that is written `instead`.

    `instead` is the app's own reference to the secret, or a gap (`is_gap`), whose value the user must set before a run:
    MISSING, or a reference to an environment variable where the app has a default, because a merge keeps a default in
    place of MISSING.
    """

    key: str
    instead: str
    is_gap: bool = True

    @property
    def variable(self) -> str:
        """The environment variable with the value in a command; empty inside a list, which no override can reach."""
        return "" if "[" in self.key else variable_name(self.key)

    def comment(self) -> str:
        """Return the comment about this key for the experiment file."""
        if not self.is_gap:
            return f"{self.key} is a secret: the file has the app's own {self.instead} in place of the study's value"
        how = f" as ${{oc.env:{self.variable}}}, or give it on the command line" if self.variable else ""
        return (
            f"FILL IN the value of {self.key}, a secret that the study got from its command line or config: "
            f"write it here{how}"
        )


def withhold(config: JsonObject, *bases: JsonObject, mask: Masker) -> tuple[JsonObject, tuple[Withheld, ...]]:
    """Return the config without the secrets in which it differs from the first base, and the removed keys.

    A secret is replaced by the first reference (`${oc.env:NAME}`) that a base has for the same key, else by a gap.
    """
    withheld: list[Withheld] = []
    result = _visit(config, bases, "", mask, withheld)
    assert isinstance(result, Mapping)  # noqa: S101 - a mapping is visited to a mapping
    return result, tuple(withheld)


def without_keys(config: JsonObject, keys: Collection[str], prefix: str = "") -> JsonObject:
    """Return the config without the given dotted keys."""
    return {
        name: without_keys(item, keys, f"{prefix}{name}.") if isinstance(item, Mapping) else item
        for name, item in config.items()
        if f"{prefix}{name}" not in keys
    }


def _visit(value: Json, bases: tuple[Json, ...], key: str, mask: Masker, withheld: list[Withheld]) -> Json:
    if bases and _is_same(bases[0], value):
        return value
    match value:
        case Mapping():
            return {
                name: _visit(item, tuple(_below(base, name) for base in bases), _joined(key, name), mask, withheld)
                for name, item in value.items()
            }
        case str() | int() | float():
            if not _leaks(key, value, mask):
                return value
            withheld.append(_withheld(key, bases))
            return withheld[-1].instead
        case None:
            return value
        case _:
            return [_visit(item, (), f"{key}[{index}]", mask, withheld) for index, item in enumerate(value)]


def _withheld(key: str, bases: Sequence[Json]) -> Withheld:
    """Return what replaces the secret. `bases` are the values of the same key; _ABSENT for a base without it."""
    reference = next((base for base in bases if isinstance(base, str) and is_reference(base)), None)
    if reference is not None:
        return Withheld(key, reference, is_gap=False)
    gap = Withheld(key, MISSING)
    has_default = bool(bases) and bases[0] not in (_ABSENT, MISSING)
    return replace(gap, instead=f"${{oc.env:{gap.variable}}}") if has_default and gap.variable else gap


def _leaks(key: str, value: str | float, mask: Masker) -> bool:
    if isinstance(value, bool):
        return False
    return mask.value(key, value) != value if isinstance(value, str) else is_secret_key(key)


def _is_same(left: Json, right: Json) -> bool:
    return type(left) is type(right) and left == right


def _below(base: Json, name: str) -> Json:
    return base.get(name, _ABSENT) if isinstance(base, Mapping) else _ABSENT


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
