"""The limits of open files (RLIMIT_NOFILE) of the service and of its trials.

The usual soft limit of 1,024 protects programs that use select(2), which cannot watch higher descriptors. The service
uses epoll and needs more. Child processes inherit limits, so trials are started with the service's original limit.
Source: https://0pointer.net/blog/file-descriptor-limits.html
"""

from __future__ import annotations

import resource
from typing import TypeAlias

Limit: TypeAlias = "tuple[int, int]"
"""The soft and the hard limit, as `resource.getrlimit` returns them; RLIM_INFINITY means no limit."""

RAISED_LIMIT = 1 << 16
"""More than any service needs, but not so many that a program that iterates over all descriptors becomes slow."""

_original: list[Limit] = []


def original_file_limit() -> Limit:
    """Return the limits of the process before `raise_file_limit` changed them."""
    return _original[0] if _original else resource.getrlimit(resource.RLIMIT_NOFILE)


def raise_file_limit() -> int:
    """Raise the soft limit of this process to its hard limit, at most RAISED_LIMIT. Returns the resulting soft limit.

    The limit stays unchanged where the system does not allow the change.
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
