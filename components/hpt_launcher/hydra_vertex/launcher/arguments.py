"""Check whether a text can be one argument of a command line. Pure."""

from __future__ import annotations

MAX_BYTES = (128 << 10) - 1
"""Linux's limit for one argument (MAX_ARG_STRLEN), without its terminating NUL. Source: execve(2)."""


def argument_problem(text: str) -> str:
    """Return why a process cannot be given this argument; empty when it can."""
    if "\0" in text:
        return "contains a NUL character, which a command line cannot contain"
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return "is not Unicode (it contains half of a surrogate pair, or bytes that are not UTF-8)"
    if length > MAX_BYTES:
        return f"has {length:,} bytes; an argument may have at most {MAX_BYTES:,}"
    return ""
