"""Replaces a parameter that stands for a whole configuration by the parameters of that configuration. Pure.

The job that confirms a study has one parameter for the configuration and one for the seed; the table from the first to
the parameters of a trial of the study is on the command line of `hydra-trial`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Preset:
    """`--id=value` stands for `arguments`."""

    id: str
    value: str
    arguments: tuple[str, ...]


def parse_preset(text: str) -> Preset:
    """Parse `ID=VALUE=JSON`, where JSON is an array of arguments. Raises ArgumentTypeError."""
    id_, _, rest = text.partition("=")
    value, _, document = rest.partition("=")
    try:
        arguments = json.loads(document)
    except ValueError:
        arguments = None
    if not id_ or not value or not isinstance(arguments, list) or not all(isinstance(item, str) for item in arguments):
        raise argparse.ArgumentTypeError(f'expected ID=VALUE=JSON, such as trial=7=["--lr=0.1"], got {text!r}')
    return Preset(id_, value, tuple(str(item) for item in arguments))


def with_presets(words: Sequence[str], presets: Sequence[Preset], own_words: int = 0) -> tuple[str, ...]:
    """Return the app's command with each preset's parameter replaced. The first `own_words` words stay as they are.

    Raises ArgumentError for a value that has no preset.
    """
    own, rest = words[:own_words], words[own_words:]
    return (*own, *(argument for word in rest for argument in _replaced(word, presets)))


def _replaced(word: str, presets: Sequence[Preset]) -> tuple[str, ...]:
    id_, equals, value = word.removeprefix("--").partition("=")
    of_id = {preset.value: preset.arguments for preset in presets if preset.id == id_}
    if not of_id or not equals or not word.startswith("--"):
        return (word,)
    if value not in of_id:
        raise ArgumentError(f"{word}: expected one of {', '.join(of_id)} (--preset)")
    return of_id[value]
