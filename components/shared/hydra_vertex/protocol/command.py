"""How `hydra-trial` is put in front of an app's command, and how the command is found again in a job document."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

PROGRAM = "hydra-trial"
SEPARATOR = "--"
_ALIAS = "--alias"


def trial_command(app: Sequence[str], metric: str, monitor: Sequence[str] = ()) -> tuple[str, ...]:
    """The container command of a trial. The service appends `--key=value` for each parameter behind it.

    `monitor` are metrics of Lightning to be reported at every validation, beside what the app returns.
    """
    monitors = (word for name in monitor for word in ("--monitor", name))
    return (PROGRAM, "--metric", metric, *monitors, SEPARATOR, *app)


def app_command(command: Sequence[str]) -> tuple[str, ...] | None:
    """The app's own command inside a container command; None when `hydra-trial` does not start it."""
    if SEPARATOR not in command or not any(_is_program(part) for part in command[: command.index(SEPARATOR)]):
        return None
    return tuple(command[command.index(SEPARATOR) + 1 :])


def alias_options(command: Sequence[str]) -> tuple[str, ...]:
    """The `--alias ID=KEY` options of `hydra-trial` inside a container command, one `--alias=ID=KEY` a word."""
    own = command[: command.index(SEPARATOR)] if SEPARATOR in command else ()
    spaced = (f"{_ALIAS}={text}" for name, text in pairwise(own) if name == _ALIAS)
    return (*spaced, *(word for word in own if word.startswith(f"{_ALIAS}=")))


def _is_program(part: str) -> bool:
    return part.rsplit("/", 1)[-1] == PROGRAM or part == "hydra_vertex.trial"


def parameter_argument(key: str, value: float | int | str) -> str:
    """One parameter as Vertex AI appends it to a trial's arguments: `--key=value`.

    An int is written whole (`4`) and a float as Python's shortest text, so that a discrete value reads `128.0`.
    """
    return f"--{key}={value}"
