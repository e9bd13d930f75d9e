"""Parses the app's arguments into parameters of the trial, Hydra flags and Hydra overrides. Pure.

The flags are those of `hydra._internal.utils.get_args_parser` in Hydra 1.2 to 1.4, in their exact spellings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.sweep_values import SweepOption


@dataclass(frozen=True, slots=True)
class Parameter:
    """`--key=value` or `--key value`. `text` is the value, verbatim; `argument` is the original argument.

    `sign` is Hydra's prefix: `+` adds the key, `++` adds or sets it, an empty sign sets it. `literal` is the value as
    the search file spells it; None when that is unknown.
    """

    key: str
    text: str
    argument: str
    sign: str = ""
    literal: SweepOption | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A Hydra flag. `name` is its long spelling, `tokens` its original arguments; `value` is '' without a value."""

    name: str
    value: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """Any other argument, which Hydra parses: `key=value`, `+key=value`, `++key=value`, `~key`."""

    text: str


Argument: TypeAlias = Parameter | Flag | Override

_SWITCHES = {
    "--help": "--help",
    "-h": "--help",
    "--hydra-help": "--hydra-help",
    "--version": "--version",
    "--resolve": "--resolve",
    "--run": "--run",
    "-r": "--run",
    "--multirun": "--multirun",
    "-m": "--multirun",
    "--shell-completion": "--shell-completion",
    "-sc": "--shell-completion",
}
_VALUED = {
    "--cfg": "--cfg",
    "-c": "--cfg",
    "--package": "--package",
    "-p": "--package",
    "--config-path": "--config-path",
    "-cp": "--config-path",
    "--config-name": "--config-name",
    "-cn": "--config-name",
    "--config-dir": "--config-dir",
    "-cd": "--config-dir",
    "--experimental-rerun": "--experimental-rerun",
}
_INFO = ("--info", "-i")
_INFO_TOPICS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

CONFIG_FLAGS = frozenset({"--config-path", "--config-name", "--config-dir"})
"""The flags that decide which config is composed."""


def parse_arguments(arguments: Sequence[str]) -> tuple[Argument, ...]:
    """Parse the app's arguments in their order. Raises ArgumentError for one without its value."""
    return tuple(_arguments(arguments))


def with_aliases(arguments: Sequence[Argument], keys: Mapping[str, str]) -> tuple[Argument, ...]:
    """Rename the parameters whose name is in `keys`. A sign of the new key replaces the parameter's sign."""
    return tuple(_renamed(argument, keys) for argument in arguments)


def _renamed(argument: Argument, keys: Mapping[str, str]) -> Argument:
    if not isinstance(argument, Parameter) or argument.key not in keys:
        return argument
    sign, key = split_sign(keys[argument.key])
    return replace(argument, key=key, sign=sign or argument.sign)


def flag_tokens(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """Return the tokens of Hydra's flags. They go first, because Hydra up to 1.3 refuses a flag between overrides."""
    return tuple(token for argument in arguments if isinstance(argument, Flag) for token in argument.tokens)


def override_texts(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """Return the user's own Hydra overrides, in their order."""
    return tuple(argument.text for argument in arguments if isinstance(argument, Override))


def _arguments(tokens: Sequence[str]) -> Iterator[Argument]:
    position = 0
    while position < len(tokens):
        if tokens[position] == SEPARATOR:  # argparse drops one; Hydra would parse a second one as an override.
            position += 1
            continue
        argument, used = _next(tokens[position], tokens[position + 1 : position + 2])
        yield argument
        position += used


def _next(token: str, following: Sequence[str]) -> tuple[Argument, int]:
    """Return the argument that begins with `token`, and its number of tokens."""
    name, equals, value = token.partition("=")
    if name in _VALUED:
        return (Flag(_VALUED[name], value, (token,)), 1) if equals else _valued(token, following)
    if name in _INFO:
        return (Flag(_INFO[0], value, (token,)), 1) if equals else _info(token, following)
    if token in _SWITCHES:
        return Flag(_SWITCHES[token], "", (token,)), 1
    if name.startswith("--") and len(name) > len("--"):
        return (_parameter(name, value, token), 1) if equals else _spaced(token, following)
    return Override(token), 1


def _parameter(name: str, text: str, argument: str) -> Parameter:
    sign, key = split_sign(name[2:])
    return Parameter(key, text, argument, sign)


def split_sign(name: str) -> tuple[str, str]:
    """Split a name into Hydra's prefix (`+`, `++` or empty) and the key."""
    sign = next((sign for sign in ("++", "+") if name.startswith(sign)), "")
    return sign, name[len(sign) :]


def _valued(token: str, following: Sequence[str]) -> tuple[Argument, int]:
    if not following:
        raise ArgumentError(f"{token} is a Hydra flag and needs a value; write {token} VALUE")
    return Flag(_VALUED[token], following[0], (token, following[0])), 2


def _info(token: str, following: Sequence[str]) -> tuple[Argument, int]:
    if following and following[0] in _INFO_TOPICS:
        return Flag(_INFO[0], following[0], (token, following[0])), 2
    # Without an explicit value, Hydra would take the next override as the value.
    return Flag(_INFO[0], "all", (token, "all")), 1


def _spaced(token: str, following: Sequence[str]) -> tuple[Argument, int]:
    if not following or _is_flag(following[0]):
        found = f"found {following[0]!r}" if following else "found the end of the command line"
        raise ArgumentError(f"{token} has no value: {found}; write {token}=VALUE")
    return _parameter(token, following[0], f"{token} {following[0]}"), 2


def _is_flag(token: str) -> bool:
    name = token.partition("=")[0]
    return token.startswith("--") or token in _SWITCHES or name in _VALUED or name in _INFO
