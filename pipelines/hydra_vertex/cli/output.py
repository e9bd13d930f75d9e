"""Where the commands print: results to stdout, the rest to stderr; no secrets, nothing that a terminal would obey."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from io import TextIOWrapper
from typing import TYPE_CHECKING

from hydra_vertex.launcher.text.terminal import printable, printable_json
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

if TYPE_CHECKING:
    from rich.console import Console

    from hydra_vertex.launcher.secrets.masker import Masker


_hidden: list[str] = []
"""The command line whose secrets are hidden in everything that this process prints."""


def hide_secrets_of(arguments: Sequence[str]) -> None:
    """From now on hide the secrets of a command line and of this process's variables in all that is printed."""
    _hidden[:] = arguments
    _mask.cache_clear()


@cache
def _mask() -> Masker:
    """Made when something is printed: `--help` must not wait for it."""
    from hydra_vertex.launcher.secrets.masker import masker, secrets_in_arguments, secrets_in_document

    return masker((*secrets_in_arguments(_hidden), *secrets_in_document(dict(os.environ))))


def show(text: str) -> None:
    """Text of the result, on stdout."""
    print(_safe(text))


def show_json(document: Json, *, indent: int | None = None) -> None:
    """The result as JSON, on stdout."""
    print(printable_json(json.dumps(_mask().value("", document), indent=indent)))


def say(text: str) -> None:
    """Progress or a warning, on stderr: stdout is for the result."""
    # Where stderr itself is on a full disk there is nobody to be told.
    with contextlib.suppress(OSError):
        print(_safe(text), file=sys.stderr, flush=True)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table on stdout, as wide as the terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, title=Text(_safe(title)) if title else None)
    for row in rows:
        table.add_row(*(Text(_safe(cell)) for cell in row))
    plain_console().print(table)


def plain_console() -> Console:
    """A console of stdout that reads neither markup nor emoji codes in what it prints."""
    from rich.console import Console as RichConsole

    return RichConsole(markup=False, emoji=False, highlight=False)


def take_any_character() -> None:
    """Show what stdout's encoding has no character for as an escape, as stderr does. It would be a traceback."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _safe(text: str) -> str:
    return printable(_mask().text(text))
