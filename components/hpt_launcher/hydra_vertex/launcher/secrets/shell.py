"""Writes a command line that can be displayed and pasted: each secret is replaced by a shell variable. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .keys import is_reference, is_secret_key, variable_name
from .masker import Masker


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """The text of a command, and the shell variables that replace secrets in it."""

    text: str
    variables: tuple[str, ...] = ()

    def with_values(self, variables: Mapping[str, str]) -> ShellCommand:
        """Append `key="$VARIABLE"` to the command for each key and variable."""
        more = "".join(f' {shlex.quote(f"{key}=")}"${variable}"' for key, variable in variables.items())
        return ShellCommand(self.text + more, (*self.variables, *variables.values()))

    def __str__(self) -> str:
        """Return the command, followed by a shell comment that lists the variables."""
        names = ", ".join(f"${name}" for name in dict.fromkeys(self.variables))
        return f"{self.text}  # the secrets are in {names}" if names else self.text


def shell_command(parts: Sequence[str], mask: Masker) -> ShellCommand:
    """Quote an argument list for a shell, with a variable in place of each secret."""
    words, variables = list[str](), list[str]()
    key_before = ""
    for part, masked in zip(parts, mask.arguments(parts), strict=True):
        key, equals, value = part.partition("=")
        if part == masked or is_reference(value):
            words.append(shlex.quote(part))
        else:
            variables.append(variable_name(key if equals else key_before))
            words.append(f'{shlex.quote(f"{key}=")}"${variables[-1]}"' if equals else f'"${variables[-1]}"')
        key_before = part if not equals and is_secret_key(part) else "SECRET"
    return ShellCommand(" ".join(words), tuple(variables))
