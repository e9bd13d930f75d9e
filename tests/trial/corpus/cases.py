"""What a case of the corpus is: an argument list as a person or a service writes it, and what they mean by it."""

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
    """The app runs once, with its default config but for the dotted keys in `changes`; or with those keys alone."""

    changes: Config
    alone: bool = False

    def configs(self, default: Config) -> list[str]:
        return [canonical(changed({} if self.alone else default, self.changes))]


@dataclass(frozen=True, slots=True)
class Sweeps:
    """The app runs once for each of these, in this order."""

    jobs: tuple[Config, ...]

    def configs(self, default: Config) -> list[str]:
        return [canonical(changed(default, changes)) for changes in self.jobs]


@dataclass(frozen=True, slots=True)
class Prints:
    """Hydra answers on stdout with something that has `text` in it; the app does not run."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Exit code 2 before the app runs, and one line that has `name` in it.

    `by_hydra`: the words are those of Hydra's own argument parser, which takes more than one line.
    """

    name: str
    by_hydra: bool = False


Expected: TypeAlias = Runs | Sweeps | Prints | Refused


@dataclass(frozen=True, slots=True)
class Case:
    """`arguments` stand behind the app's command, `options` are hydra-trial's own.

    `hydra`: the first version whose override grammar can write it.
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
    """Cases that are to run, from pairs of arguments and the changes that they mean."""
    return tuple(Case(category, tuple(arguments), Runs(changes)) for arguments, changes in rows)


def refused(category: str, rows: Iterable[tuple[list[str], str]]) -> tuple[Case, ...]:
    """Cases that are to be refused, from pairs of arguments and what the message has to name."""
    return tuple(Case(category, tuple(arguments), Refused(name)) for arguments, name in rows)


def verbatim(category: str, keys: Mapping[str, Callable[[str], object]], texts: Iterable[str]) -> tuple[Case, ...]:
    """One case a text: `--key=text` means the value that the key's function makes of it. The keys take turns."""
    turns = list(keys.items())
    picked = ((*turns[number % len(turns)], text) for number, text in enumerate(texts))
    return tuple(Case(category, (f"--{key}={text}",), Runs({key: value(text)})) for key, value, text in picked)


def changed(default: Config, changes: Config) -> object:
    """The default, as typed JSON, with each dotted key set; ABSENT takes a key away."""
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
    """Text that is equal when values and types are: 1, 1.0, true, "1" and -0.0 differ, NaN is NaN."""
    return json.dumps(config, sort_keys=True)


def _place(holder: object, name: str) -> str | int:
    return int(name) if isinstance(holder, list) else name
