"""Pads lines of a file, so that one write within one page can append each line. Pure."""

from __future__ import annotations

PAGE_BYTES = 4096
"""The smallest page of any processor that Linux runs on; larger pages are multiples of it."""

_MOST_ROOM = PAGE_BYTES // 2
_GROWTH_BYTES = 64
"""Reserve for a longer next line, for example when the step gets one more digit."""


def is_within_page(size: int, length: int) -> bool:
    """Whether `length` bytes after the first `size` bytes of a file cross no page boundary."""
    return size % PAGE_BYTES + length <= PAGE_BYTES


def with_room(line: bytes, size: int, longest: int) -> bytes:
    """Return the line, padded with spaces before its newline if the next line would not fit on the same page.

    `size` is the file's size before the line, `longest` the length of the longest line in the file, both in bytes. The
    next line is assumed to be as long as the longer of the two; `longest` is limited to half a page, because one very
    long line should not leave most of each page empty.
    """
    room = max(len(line), min(longest, _MOST_ROOM)) + _GROWTH_BYTES
    left = -(size + len(line)) % PAGE_BYTES
    return line if room > PAGE_BYTES or left >= room else line[:-1] + b" " * left + b"\n"
