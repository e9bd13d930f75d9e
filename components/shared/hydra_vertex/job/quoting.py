"""What a message shows of a value that is at fault. The cost and the length do not grow with the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TEXT_LIMIT = 80
INTEGER_BITS_LIMIT = 256


def quoted(value: object) -> str:
    """The value as Python writes it, text cut after TEXT_LIMIT characters; of an object or array only its size.

    Python escapes what cannot be printed or encoded: control characters, lone surrogates.
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
