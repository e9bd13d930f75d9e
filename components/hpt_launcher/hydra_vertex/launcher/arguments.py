"""What one argument of a command line can hold. Pure."""

from __future__ import annotations

MAX_BYTES = (128 << 10) - 1
"""Linux's limit for one argument, MAX_ARG_STRLEN, without its terminating NUL: execve(2)."""


def argument_problem(text: str) -> str:
    """Why a process cannot be given this argument; empty when it can."""
    if "\0" in text:
        return "has a NUL character in it, which no command line can hold"
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return "is not Unicode (it holds half of a surrogate pair, or bytes that are not UTF-8)"
    if length > MAX_BYTES:
        return f"has {length:,} bytes, and an argument may have {MAX_BYTES:,}"
    return ""
