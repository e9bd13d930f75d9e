"""How lines lie in a file so that each can be added by one write within one page. Pure."""

from __future__ import annotations

PAGE_BYTES = 4096
"""The smallest page of any processor that Linux runs on; larger pages are multiples of it."""

_MOST_ROOM = PAGE_BYTES // 2
_GROWTH_BYTES = 64
"""By so much the next line may be longer, as when a step gets one more digit."""


def is_within_page(size: int, length: int) -> bool:
    """Whether `length` bytes behind the first `size` bytes of a file cross no boundary of pages."""
    return size % PAGE_BYTES + length <= PAGE_BYTES


def with_room(line: bytes, size: int, longest: int) -> bytes:
    """The line, which ends in a newline, with spaces before that where the next line would not fit on the same page.

    `size` is that of the file before it, `longest` the length of the longest line in the file. The next line may be as
    long as this one or as that one; but one very long line does not leave half of each page empty.
    """
    room = max(len(line), min(longest, _MOST_ROOM)) + _GROWTH_BYTES
    left = -(size + len(line)) % PAGE_BYTES
    return line if room > PAGE_BYTES or left >= room else line[:-1] + b" " * left + b"\n"
