"""The type of a corpus case: an argument list from a person or a service, and its expected result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from trial.corpus.app.typed_json import typed

Config: TypeAlias = Mapping[str, object]


class Absent:
    """The value of a key that the config must not have."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Runs:
    """The app runs once, with its default config except the dotted keys in `changes`; if `alone`, only with those."""

    changes: Config
    alone: bool = False

    def configs(self, default: Config) -> list[str]:
        return [canonical(changed({} if self.alone else default, self.changes))]


@dataclass(frozen=True, slots=True)
class Sweeps:
    """The app runs once for each of these changes, in this order."""

    jobs: tuple[Config, ...]

    def configs(self, default: Config) -> list[str]:
        return [canonical(changed(default, changes)) for changes in self.jobs]


@dataclass(frozen=True, slots=True)
class Prints:
    """Hydra prints output with `text` on stdout; the app does not run."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Exit code 2 before the app runs, and one line that contains `name`.

    `by_hydra`: the message is that of Hydra's own argument parser, which has more than one line.
    """

    name: str
    by_hydra: bool = False


Expected: TypeAlias = Runs | Sweeps | Prints | Refused


@dataclass(frozen=True, slots=True)
class Case:
    """`arguments` follow the app's command, `options` are hydra-trial's own.

    `hydra`: the first Hydra version whose override grammar can express the case.
    """

    category: str
    arguments: tuple[str, ...]
    expected: Expected
    options: tuple[str, ...] = field(default=())
    hydra: str = "1.2"

    def __str__(self) -> str:
        text = ascii(" ".join(self.arguments))[1:-1]
        return f"{self.category}: {text}" if len(text) <= 70 else f"{self.category}: {text[:67]}..."


Row: TypeAlias = tuple[list[str], Config]


def runs(category: str, rows: Iterable[Row]) -> tuple[Case, ...]:
    """Return cases that run, from pairs of arguments and the expected changes."""
    return tuple(Case(category, tuple(arguments), Runs(changes)) for arguments, changes in rows)


def refused(category: str, rows: Iterable[tuple[list[str], str]]) -> tuple[Case, ...]:
    """Return cases that are refused, from pairs of arguments and a name that the message must contain."""
    return tuple(Case(category, tuple(arguments), Refused(name)) for arguments, name in rows)


def verbatim(category: str, keys: Mapping[str, Callable[[str], object]], texts: Iterable[str]) -> tuple[Case, ...]:
    """Return one case per text: `--key=text` sets the value that the key's function returns. The keys alternate."""
    turns = list(keys.items())
    picked = ((*turns[number % len(turns)], text) for number, text in enumerate(texts))
    return tuple(Case(category, (f"--{key}={text}",), Runs({key: value(text)})) for key, value, text in picked)


def changed(default: Config, changes: Config) -> object:
    """Return the default config as typed JSON, with each dotted key set; ABSENT removes a key."""
    config = json.loads(json.dumps(default))
    for key, value in changes.items():
        *parents, last = key.split(".")
        holder = config
        for part in parents:
            holder = holder[_place(holder, part)]
        if value is ABSENT:
            del holder[_place(holder, last)]
        else:
            holder[_place(holder, last)] = typed(value)
    return config


def canonical(config: object) -> str:
    """Return a text that is equal if values and types are equal: 1, 1.0, true, "1" and -0.0 differ, NaN equals NaN."""
    return json.dumps(config, sort_keys=True)


def _place(holder: object, name: str) -> str | int:
    return int(name) if isinstance(holder, list) else name
