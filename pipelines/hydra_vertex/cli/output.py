"""Prints results to stdout and other messages to stderr, without secrets and without terminal control characters."""

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
from hydra_vertex.protocol.json import Json, JsonObject, object_of

from .reserved_stdout import show_document_text

if TYPE_CHECKING:
    from rich.console import Console

    from hydra_vertex.launcher.secrets.masker import Masker


_hidden: list[str] = []
"""The command line whose secrets are masked in all output of this process."""


def hide_secrets_of(arguments: Sequence[str]) -> None:
    """Mask the secrets of a command line and of the environment in all later output of this process."""
    _hidden[:] = arguments
    _mask.cache_clear()


@cache
def _mask() -> Masker:
    """Create the masker at the first output, so that `--help` does not wait for its import."""
    from hydra_vertex.launcher.secrets.masker import masker, secrets_in_arguments, secrets_in_document

    return masker((*secrets_in_arguments(_hidden), *secrets_in_document(dict(os.environ))))


def show(text: str) -> None:
    """Print a text of the result to stdout."""
    print(_safe(text))


def show_json(document: Json, *, indent: int | None = None) -> None:
    """Print the result as JSON to stdout, also where stdout is reserved for it."""
    show_document_text(printable_json(json.dumps(_mask().value("", document), indent=indent)))


def masked(document: JsonObject) -> JsonObject:
    """Return a document as `show_json` prints it: without the secrets of the command line and of the environment."""
    return object_of(_mask().value("", document))


def say(text: str) -> None:
    """Print progress or a warning to stderr, because stdout is reserved for the result."""
    # Nothing else can be done when stderr is a file on a full disk.
    with contextlib.suppress(OSError):
        print(_safe(text), file=sys.stderr, flush=True)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table to stdout, as wide as the terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, title=Text(_safe(title)) if title else None)
    for row in rows:
        table.add_row(*(Text(_safe(cell)) for cell in row))
    plain_console().print(table)


def plain_console() -> Console:
    """Return a console for stdout that interprets neither markup nor emoji codes."""
    from rich.console import Console as RichConsole

    return RichConsole(markup=False, emoji=False, highlight=False)


def take_any_character() -> None:
    """Print characters that stdout's encoding does not have as escapes, as stderr does, instead of raising an error."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _safe(text: str) -> str:
    return printable(_mask().text(text))
