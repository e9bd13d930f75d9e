"""The page's templates, and its other files as texts."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.launcher.text.formatting import format_duration, format_value

from .summary import Comparison

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_FOLDER = Path(__file__).parent


@cache
def environment() -> Environment:
    """Return the environment of the templates, which escape every text."""
    from jinja2 import Environment as JinjaEnvironment
    from jinja2 import FileSystemLoader, StrictUndefined

    found = JinjaEnvironment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "number": format_value,
        "duration": format_duration,
        "compared": _compared,
        "breakable": _breakable,
    }
    return found


@cache
def asset_text(name: str) -> str:
    """Return a file of this folder. `</script` is escaped in it, because it would end the script element."""
    return (_FOLDER / name).read_text(encoding="utf-8").replace("</script", "<\\/script")


def _breakable(text: str) -> Markup:
    """Return a name that a browser may break after its separators."""
    from markupsafe import Markup as MarkupText

    return MarkupText("<wbr>").join(part for part in re.split(r"(?<=[._/-])(?=.)", text) if part)


def _compared(comparison: Comparison, what: str) -> str:
    """Return such as `36 % lower than the median trial`."""
    difference, percent = abs(comparison.difference), comparison.percent
    size = format_value(difference) if percent is None else f"{abs(percent):.0f} %"
    if comparison.difference == 0:
        return f"the same as {what}"
    return f"{size} {'lower' if comparison.difference < 0 else 'higher'} than {what}"
