"""Formats an invalid value for an error message. The time and the length do not grow with the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TEXT_LIMIT = 80
INTEGER_BITS_LIMIT = 256


def quoted(value: object) -> str:
    """Return the `repr` of the value, with text cut after TEXT_LIMIT characters; the size of an object or array.

    `repr` escapes characters that cannot be printed or encoded, such as control characters and lone surrogates.
    """
    match value:
        case str():
            return repr(value) if len(value) <= TEXT_LIMIT else f"{value[:TEXT_LIMIT]!r}… ({len(value)} characters)"
        case int() if value.bit_length() > INTEGER_BITS_LIMIT:
            return f"an integer of {value.bit_length()} bits"
        case Mapping():
            return f"an object of {len(value)} fields"
        case Sequence():
            return f"an array of {len(value)} items"
        case _:
            return repr(value)
