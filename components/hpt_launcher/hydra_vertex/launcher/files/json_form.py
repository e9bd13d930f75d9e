"""Parses JSON into a document of bounded depth, whose numbers and texts can be written again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from hydra_vertex.protocol.json import Json

from .reading import MAX_DEPTH, TOO_DEEP, FileKind, malformed, read_text

WHOLE_LIMIT = 2**63
WHOLE_DIGITS = len(f"{-WHOLE_LIMIT}")


def load_json(path: Path, kind: FileKind) -> Json:
    """Read the document in a JSON file. Raises the kind's error; NaN and infinities are not JSON."""
    return parse_json(read_text(path, kind), path, kind)


def parse_json(text: str, path: Path, kind: FileKind, *, not_finite: Callable[[str], Json] | None = None) -> Json:
    """Return the document in a JSON text, which was read from `path`.

    `not_finite` converts `NaN`, `Infinity` and `-Infinity`, which Python writes although they are not JSON; None
    refuses them. Raises the kind's error.
    """
    import json

    try:
        document: Json = json.loads(text, parse_constant=not_finite or _refuse, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise kind.failure(path, TOO_DEEP) from error
    except ValueError as error:
        raise malformed(path, kind, "JSON", error) from error
    if _depth_exceeds(document, MAX_DEPTH):
        raise kind.failure(path, TOO_DEEP)
    if "\\u" in text and (place := next(_not_unicode(document, ""), None)) is not None:
        raise kind.failure(path, f"{place or 'the text'} is not Unicode: half of a surrogate pair")
    return document


def unusual_values(value: object, place: str = "") -> Iterator[str]:
    """Yield a sentence for each value that YAML can express and JSON cannot; it begins with the value's place."""
    match value:
        case bool() | None:
            return
        case str():
            if not is_unicode(value):
                yield f"{place}: is not Unicode (half of a surrogate pair)"
        case int():
            if abs(value) >= WHOLE_LIMIT:
                yield f"{place}: is a whole number of more than 64 bits"
        case float():
            if not math.isfinite(value):
                yield f"{place}: is {value}; expected a finite number"
        case list():
            for index, item in enumerate(value):
                yield from unusual_values(item, f"{place}[{index}]")
        case Mapping():
            for key, item in value.items():
                if not isinstance(key, str):
                    yield f"{place or 'the file'}: has the key {key!r}; expected text, such as {str(key)!r} in quotes"
                else:
                    yield from unusual_values(item, f"{place}.{key}" if place else key)
        case _:
            yield f"{place}: is of the type {type(value).__name__}; expected text, a number, a list or a mapping"


def is_unicode(text: str) -> bool:
    """Whether a text can be encoded as UTF-8: a Python string may contain half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_unicode(value: Json, place: str) -> Iterator[str]:
    match value:
        case str():
            if not is_unicode(value):
                yield place
        case list():
            for index, item in enumerate(value):
                yield from _not_unicode(item, f"{place}[{index}]")
        case Mapping():
            for key, item in value.items():
                if not is_unicode(key):
                    yield place
                yield from _not_unicode(item, f"{place}.{key}" if place else key)


def _depth_exceeds(document: Json, limit: int) -> bool:
    level: list[Json] = [document]
    for _ in range(limit + 1):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, Mapping) else holder if isinstance(holder, list) else ())
            if isinstance(item, (list, Mapping))
        ]
        if not level:
            return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond the range of a double")
    return number


def _whole(text: str) -> int:
    if len(text) > WHOLE_DIGITS:
        raise ValueError(f"{text[:40]} has more than 64 bits")
    return int(text)
