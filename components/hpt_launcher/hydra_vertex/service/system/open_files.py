"""How many files the service may have open, and how many its trials.

A soft limit of 1,024 is for programs that use select(2), which cannot watch a descriptor beyond that. The service uses
epoll and needs more; limits are inherited, so what it starts must be given the limit back that the service was given.
Source: https://0pointer.net/blog/file-descriptor-limits.html
"""

from __future__ import annotations

import resource
from typing import TypeAlias

Limit: TypeAlias = "tuple[int, int]"
"""The soft and the hard limit, as `resource.getrlimit` has them: RLIM_INFINITY is no limit."""

RAISED_LIMIT = 1 << 16
"""More than any service needs, and less than what makes a program slow that walks through all descriptors."""

_original: list[Limit] = []


def original_file_limit() -> Limit:
    """The limits that the service was started with: those of now, unless `raise_file_limit` has raised them."""
    return _original[0] if _original else resource.getrlimit(resource.RLIMIT_NOFILE)


def raise_file_limit() -> int:
    """Raise the soft limit of this process to its hard limit, RAISED_LIMIT at most; the limit of then.

    Leaves it as it is where the system does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = RAISED_LIMIT if hard == resource.RLIM_INFINITY else min(hard, RAISED_LIMIT)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    if not _original:
        _original.append((soft, hard))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):
        return soft
    return wanted
