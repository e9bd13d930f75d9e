"""Where the commands print: results to stdout, the rest to stderr, and nothing that a terminal would obey."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING

from hydra_vertex.launcher.terminal import printable, printable_json
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

if TYPE_CHECKING:
    from rich.console import Console


def show(text: str) -> None:
    """Text of the result, on stdout."""
    print(printable(text))


def show_json(document: Json, *, indent: int | None = None) -> None:
    """The result as JSON, on stdout."""
    print(printable_json(json.dumps(document, indent=indent)))


def say(text: str) -> None:
    """Progress or a warning, on stderr: stdout is for the result."""
    print(printable(text), file=sys.stderr, flush=True)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table on stdout, as wide as the terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, title=Text(printable(title)) if title else None)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    plain_console().print(table)


def plain_console() -> Console:
    """A console of stdout that reads neither markup nor emoji codes in what it prints."""
    from rich.console import Console as RichConsole

    return RichConsole(markup=False, emoji=False, highlight=False)


def take_any_character() -> None:
    """Show what stdout's encoding has no character for as an escape, as stderr does. It would be a traceback."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
