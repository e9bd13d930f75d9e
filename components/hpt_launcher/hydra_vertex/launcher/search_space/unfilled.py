"""Finds values of gcloud's form that an example left to be filled in, such as `<uri of your image>`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hydra_vertex.protocol.json import Json

_CHOICES = frozenset({"values", "defaultValue"})
"""Fields whose text is a value of the app, in which `<pad>` is ordinary."""
_WORDS = frozenset({"args", "command", "env"})
"""Fields whose text goes to the app's process: only a whole value is a placeholder, and `<pad>` is none."""

_YOURS = r"YOUR[_-][A-Z][A-Z0-9_-]*"
_BLANK = re.compile(rf"<[^<>]+>|\b(?:{_YOURS}|(?:REPLACE|CHANGE)[_-]ME)\b|\{{[A-Z][A-Z_]+\}}")
_BLANK_WORD = re.compile(rf"(?:[^<=]*=)?(?:<[^<>=]*\s[^<>=]*>|<your\b[^<>=]*>|{_YOURS})")


def unfilled(value: Json, path: str = "", *, form: re.Pattern[str] = _BLANK) -> Iterator[tuple[str, str]]:
    """Yield the path and the placeholder of each value that is still to be filled in; `form` is a placeholder's."""
    match value:
        case str():
            found = form.search(value) if form is _BLANK else form.fullmatch(value)
            if found:
                yield path, found[0]
        case list():
            for index, item in enumerate(value):
                yield from unfilled(item, f"{path}[{index}]", form=form)
        case Mapping():
            for name, item in value.items():
                if name not in _CHOICES:
                    inner = _BLANK_WORD if name in _WORDS else form
                    yield from unfilled(item, f"{path}.{name}" if path else name, form=inner)
