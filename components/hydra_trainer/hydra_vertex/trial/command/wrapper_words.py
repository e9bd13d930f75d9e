"""Recognises commands in which another program starts the app, and separates the trial's parameters from them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.protocol.interpreter import is_python

WRAPPERS = frozenset(
    {
        *("accelerate", "deepspeed", "horovodrun", "torchrun"),
        *("conda", "hatch", "mamba", "micromamba", "pdm", "pipenv", "pixi", "poetry", "rye", "uv"),
        *("coverage", "ddtrace-run", "dotenv", "opentelemetry-instrument"),
    }
)
"""Programs that may be Python scripts themselves and start the app in a process of their own, or run it."""

_MODULES = frozenset(
    {
        *("accelerate.commands.launch", "torch.distributed.launch", "torch.distributed.run"),
        *("coverage", "debugpy", "deepspeed.launcher.runner"),
    }
)
_PARAMETER = re.compile(r"--[^=]+=.*", re.DOTALL)
_OVERRIDE = re.compile(r"(\+{0,2}[\w@/.$:-]*[\w@/.]=.*|~[\w@/.]+(=.*)?)", re.DOTALL)
_LOCATING = frozenset({"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"})
_ISOLATING = re.compile(r"-[A-Za-z]*[EIS][A-Za-z]*")
_VALUED = frozenset({"-W", "-X"})
_PYTHONPATH = "PYTHONPATH="


def is_wrapper(command: Sequence[str]) -> bool:
    """Whether a Python program of the command starts the app, which is another one.

    An app's own arguments are overrides and flags of Hydra, so that a Python file among them is the app.
    """
    first, *rest = command
    if first.rsplit("/", 1)[-1] in WRAPPERS:
        return True
    if is_python(first):
        rest = list(_after_options(rest))
        if rest[:1] == ["-m"]:
            return rest[1:2] != [] and (rest[1] in _MODULES or _names_python(rest[2:]))
    return _names_python(rest[1:] if is_python(first) else rest)


def _after_options(words: Sequence[str]) -> Sequence[str]:
    position = 0
    while position < len(words) and words[position].startswith("-") and words[position] != "-m":
        position += 2 if words[position] in _VALUED else 1
    return words[position:]


def _names_python(words: Sequence[str]) -> bool:
    return any("=" not in w and not w.startswith("-") and (is_python(w) or _is_python_file(w)) for w in words)


def _is_python_file(word: str) -> bool:
    return word.endswith(".py") and Path(word).is_file()


def split_parameters(words: Sequence[str], own_count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a wrapper's command into its own words and the trial's parameters, the `--key=value` at its end.

    The first `own_count` words are never parameters: the command's own last option may look like one.
    """
    end = len(words)
    while end > max(own_count, 1) and _PARAMETER.fullmatch(words[end - 1]):
        end -= 1
    return tuple(words[:end]), tuple(words[end:])


def check_hook_is_read(words: Sequence[str]) -> None:
    """Raise CommandError for a Python in the command that is told to ignore its environment."""
    for position, word in enumerate(words):
        if not is_python(word):
            continue
        following = words[position + 1 :]
        for option in following[: len(following) - len(_after_options(following))]:
            if _ISOLATING.fullmatch(option):
                raise CommandError(
                    f"{word} {option} ignores the environment, in which a program gets the trial's parameters for the "
                    f"app that it starts; leave {option} out"
                )


def with_hook_on_path(words: Sequence[str], hook: str) -> tuple[str, ...]:
    """Put the hook's folder first in a `PYTHONPATH=…` among the words, as in `env PYTHONPATH=src python train.py`."""
    return tuple(_prefixed(word, hook) if word.startswith(_PYTHONPATH) else word for word in words)


def _prefixed(word: str, hook: str) -> str:
    folders = word.removeprefix(_PYTHONPATH)
    return f"{_PYTHONPATH}{hook}{os.pathsep if folders else ''}{folders}"


def python_path(environ: Mapping[str, str], hook: str) -> str:
    """Return the PYTHONPATH of these variables with the hook's folder put first."""
    return _prefixed(f"{_PYTHONPATH}{environ.get('PYTHONPATH', '')}", hook).removeprefix(_PYTHONPATH)


def override_tail(words: Sequence[str]) -> tuple[str, ...]:
    """Return the Hydra overrides at the end of a wrapper's words, with Hydra's flags that locate its config."""
    begin = len(words)
    while begin > 1:
        if _OVERRIDE.fullmatch(words[begin - 1]):
            begin -= 1
        elif begin > 2 and words[begin - 2] in _LOCATING:
            begin -= 2
        else:
            break
    return tuple(words[begin:])


def split_flags(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a wrapper's words before the first flag of Hydra among the overrides at their end.

    A program such as `make` would take the flag for one of its own, so it does not get it; the app does.
    """
    begin = len(words) - len(override_tail(words))
    flag = next((at for at in range(begin, len(words)) if words[at] in _LOCATING), len(words))
    return tuple(words[:flag]), tuple(words[flag:])


def not_passed_on(words: Sequence[str], app_arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the overrides at the end of a wrapper's words if the app did not get them; empty if it did.

    A program such as `make train` or `bash -c 'python train.py'` does not pass its own arguments on.
    """
    tail = override_tail(words)
    return () if all(word in app_arguments for word in tail) else tail


def program_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return the wrapper's words without the overrides at their end, and without a `--` before those."""
    tail = override_tail(words)
    kept = tuple(words[: len(words) - len(tail)])
    return kept[:-1] if tail and kept[-1:] == (SEPARATOR,) else kept
