"""Fits the columns of a table into the width of a terminal. Pure.

A terminal of 80 columns has not enough room for every parameter of most studies. What gives way, in this order: the
lines between the columns, the columns that say what another place says too, the ends of the parameters' headings, and
the last parameters, which are then named under the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

SHORTEST_HEADING = 5
LONGEST_CELL = 20
LINED_GAP, PLAIN_GAP = 3, 2
"""Characters between two columns: with a line, and without. A lined table has one more at its edge."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column, with its cells. `is_spare`: its content is also elsewhere. `is_parameter`: it may be left out."""

    heading: str
    cells: tuple[str, ...]
    is_right: bool = True
    is_spare: bool = False
    is_parameter: bool = False
    width: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that fit, with their widths, and the headings of those that are left out."""

    columns: tuple[Column, ...]
    is_lined: bool
    left_out: tuple[str, ...] = ()


def fit(columns: Sequence[Column], width: int, cell_length: Callable[[str], int] = len) -> Layout:
    """Return the layout for a terminal of `width` characters. `cell_length` is the width of a text on it."""
    whole = [_sized(column, cell_length, shortens=False) for column in columns]
    if _needed(whole, LINED_GAP) + 1 <= width:
        return Layout(tuple(whole), is_lined=True)
    narrow = [column for column in whole if not column.is_spare]
    for shortens in (False, True):
        kept = [_sized(column, cell_length, shortens=shortens) for column in narrow]
        if _needed(kept, PLAIN_GAP) <= width:
            return Layout(tuple(kept), is_lined=False)
    left_out: list[str] = []
    while _needed(kept, PLAIN_GAP) > width and any(column.is_parameter for column in kept):
        last = max(at for at, column in enumerate(kept) if column.is_parameter)
        left_out.insert(0, kept.pop(last).heading)
    return Layout(tuple(kept), is_lined=False, left_out=tuple(left_out))


def _sized(column: Column, cell_length: Callable[[str], int], *, shortens: bool) -> Column:
    cells = max((min(cell_length(cell), LONGEST_CELL) for cell in column.cells), default=0)
    heading = cell_length(column.heading)
    heading = min(heading, max(cells, SHORTEST_HEADING)) if shortens and column.is_parameter else heading
    return replace(column, width=max(cells, heading, 1))


def _needed(columns: Sequence[Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1 + (gap == LINED_GAP))
