"""Takes secrets out of a config that goes into a file which people commit. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hydra_vertex.launcher.secrets.keys import is_reference, is_secret_key, variable_name
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.protocol.json import Json, JsonObject

_ABSENT: Json = "\0"
"""No value of a config: YAML has no NUL."""

MISSING = "???"
"""OmegaConf's mark of a value that is still to be given."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A key whose secret is not in the file, and what stands there `instead`.

    That is the app's own reference to the secret, or a gap, without whose value nothing runs: MISSING, or where the app
    has a default, which MISSING would leave in force, a reference to an environment variable.
    """

    key: str
    instead: str
    is_gap: bool = True

    @property
    def variable(self) -> str:
        """The environment variable that a command gives it by; empty where no override can: inside of a list."""
        return "" if "[" in self.key else variable_name(self.key)

    def comment(self) -> str:
        """What the file says of it."""
        if not self.is_gap:
            return f"{self.key}, a secret, stands as the app's own {self.instead} and not as the study's value"
        how = f" as ${{oc.env:{self.variable}}}, or give it on the command line" if self.variable else ""
        return (
            f"FILL IN the value of {self.key}, a secret which the study got from its own command line or config: "
            f"write it here{how}"
        )


def withhold(config: JsonObject, *bases: JsonObject, mask: Masker) -> tuple[JsonObject, tuple[Withheld, ...]]:
    """The config without the secrets in which it differs from the first base, and what was taken out.

    A secret becomes the reference (`${oc.env:NAME}`) that a base has in its place, the first one counts, else a gap.
    """
    taken: list[Withheld] = []
    result = _visit(config, bases, "", mask, taken)
    assert isinstance(result, Mapping)  # noqa: S101 - of a mapping it makes a mapping
    return result, tuple(taken)


def without_keys(config: JsonObject, keys: Collection[str], prefix: str = "") -> JsonObject:
    """The config without some dotted keys."""
    return {
        name: without_keys(item, keys, f"{prefix}{name}.") if isinstance(item, Mapping) else item
        for name, item in config.items()
        if f"{prefix}{name}" not in keys
    }


def _visit(value: Json, bases: tuple[Json, ...], key: str, mask: Masker, taken: list[Withheld]) -> Json:
    if bases and _is_same(bases[0], value):
        return value
    match value:
        case Mapping():
            return {
                name: _visit(item, tuple(_below(base, name) for base in bases), _joined(key, name), mask, taken)
                for name, item in value.items()
            }
        case str() | int() | float():
            if not _leaks(key, value, mask):
                return value
            taken.append(_withheld(key, bases))
            return taken[-1].instead
        case None:
            return value
        case _:
            return [_visit(item, (), f"{key}[{index}]", mask, taken) for index, item in enumerate(value)]


def _withheld(key: str, bases: Sequence[Json]) -> Withheld:
    """`bases` are what stands in the key's place; _ABSENT where nothing does."""
    own = next((base for base in bases if isinstance(base, str) and is_reference(base)), None)
    if own is not None:
        return Withheld(key, own, is_gap=False)
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
