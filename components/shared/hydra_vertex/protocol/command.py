"""Puts `hydra-trial` before an app's command, and finds the app's command again in a job document."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from . import json

PROGRAM = "hydra-trial"
SEPARATOR = "--"
_OPTIONS_OF_VALUES = ("--alias", "--sweep")


def trial_command(
    app: Sequence[str],
    metric: str,
    monitor: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    aliases: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return the container command of a trial. The service appends `--key=value` to it for each parameter.

    `monitor` names Lightning metrics that are reported at every validation, in addition to the app's return value.
    `sweeps` are the sweeps of a Hydra search file, `KEY=SWEEP`, whose literals determine the types of the values.
    `aliases` are texts `ID=KEY`: the parameter ID sets the app's KEY.
    """
    monitors = (word for name in monitor for word in ("--monitor", name))
    values = (*(f"--sweep={sweep}" for sweep in sweeps), *(f"--alias={alias}" for alias in aliases))
    return (PROGRAM, "--metric", metric, *monitors, *values, *own_words_option(app), SEPARATOR, *app)


def preset_option(id_: str, value: str, arguments: Sequence[str]) -> str:
    """Return the option of `hydra-trial` by which the parameter `id_` with this value stands for `arguments`."""
    return f"--preset={id_}={value}={json.dumps(list(arguments))}"


def with_options(words: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
    """Return a container command (or its end) with further options of `hydra-trial`, before the app's command."""
    at = words.index(SEPARATOR)
    return (*words[:at], *options, *words[at:])


def own_words_option(app: Sequence[str]) -> tuple[str, ...]:
    """Return the option of `hydra-trial` that tells the app's own last `--name=value` from a trial's parameter."""
    is_ambiguous = bool(app) and app[-1].startswith("--") and "=" in app[-1]
    return ("--own-words", str(len(app))) if is_ambiguous else ()


def app_command(command: Sequence[str]) -> tuple[str, ...] | None:
    """Return the app's own command from a container command; None when `hydra-trial` does not start the app."""
    if SEPARATOR not in command or not any(_is_program(part) for part in command[: command.index(SEPARATOR)]):
        return None
    return tuple(command[command.index(SEPARATOR) + 1 :])


def value_options(command: Sequence[str]) -> tuple[str, ...]:
    """Return the options of `hydra-trial` in a container command that determine what a parameter sets.

    They are `--alias` and `--sweep`, each as one argument: `--alias=ID=KEY`.
    """
    own = command[: command.index(SEPARATOR)] if SEPARATOR in command else ()
    spaced = (f"{name}={text}" for name, text in pairwise(own) if name in _OPTIONS_OF_VALUES)
    return (*spaced, *(word for word in own if word.startswith(tuple(f"{name}=" for name in _OPTIONS_OF_VALUES))))


def _is_program(part: str) -> bool:
    return part.rsplit("/", 1)[-1] == PROGRAM or part == "hydra_vertex.trial"


def parameter_argument(key: str, value: float | int | str) -> str:
    """Return a parameter in the form in which Vertex AI appends it to a trial's arguments: `--key=value`.

    An int is written without a fraction (`4`), and a float as Python's `repr`: a discrete value is `128.0`.
    """
    return f"--{key}={value}"
