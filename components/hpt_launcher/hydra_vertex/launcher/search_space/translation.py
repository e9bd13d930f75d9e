"""What the readers of the other sweepers' files have in common: sweeps in Hydra's grammar, and checks of fields. Pure.

Each reader converts its plugin's own form to the keys of hydra-optuna-sweeper, with the sweeps as text of Hydra's
grammar, so that one parser decides what they mean.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.suggestions import suggest

from .override_text import value_text


@dataclass(frozen=True, slots=True)
class Translation:
    """The keys of `hydra.sweeper` as hydra-optuna-sweeper has them, and sentences on what has no effect."""

    sweeper: JsonObject
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of a file, with its path for messages."""

    values: JsonObject
    path: str

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raises SearchSpaceError for the field `name`."""
        raise SearchSpaceError(f"{self.path}.{excerpt(name)} {problem}")

    def require_known(self, known: Collection[str]) -> None:
        """Raises SearchSpaceError for a field that is not in `known`, with the most similar one."""
        for name in self.values:
            if name not in known:
                self.refuse(name, f"is not a field of it{suggest(name, sorted(known))}")

    def section(self, name: str) -> Section:
        """Return an inner mapping; an empty one when it is absent or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.refuse(name, f"is {excerpt(repr(value))}; expected a mapping")
        return Section(value or {}, f"{self.path}.{name}")

    def number(self, name: str) -> int | float | None:
        """Return a finite number; None when the field is absent or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self.refuse(name, f"is {excerpt(repr(value))}; expected a finite number")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false; `default` when the field is absent or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            self.refuse(name, f"is {excerpt(repr(value))}; expected true or false")
        return default if value is None else value

    def items(self, name: str) -> Sequence[Json]:
        """Return a list that is not empty."""
        value = self.values.get(name)
        if not isinstance(value, list) or not value:
            self.refuse(name, f"is {excerpt(repr(value))}; expected a list of values")
        return value

    def without_effect(self, reasons: Mapping[str, str]) -> tuple[str, ...]:
        """Return a sentence for each field in `reasons` that the file sets."""
        path = self.path.rpartition(": ")[2]
        return tuple(
            f"{path}.{name} has no effect, because {why}"
            for name, why in reasons.items()
            if self.values.get(name) is not None
        )


def interval_text(low: float, high: float, *, is_integer: bool = False, is_log: bool = False) -> str:
    """Return an interval, both ends inclusive."""
    ends = f"{int(low)}, {int(high)}" if is_integer else f"{float(low)!r}, {float(high)!r}"
    text = f"int(interval({ends}))" if is_integer else f"interval({ends})"
    return f"tag(log, {text})" if is_log else text


def choice_text(values: Sequence[Json]) -> str:
    """Return the values as a choice, without choice(), which drops quotes and does not take null."""
    return ", ".join(map(value_text, values))


def merged(given: JsonObject, converted: Mapping[str, Json], params: Mapping[str, Json]) -> JsonObject:
    """Return `given` with the converted keys that it does not have itself, and with the converted params."""
    own = given.get("params")
    rest = {name: value for name, value in given.items() if value is not None}
    return {**converted, **rest, "params": {**params, **(own if isinstance(own, Mapping) else {})}}
