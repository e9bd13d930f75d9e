"""How many connections each front holds, and how long one that asks nothing.

A connection costs a file descriptor before its token can be looked at, and trials need those too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of one front. `request_s` is how long a connection may be without an answer."""

    connections: int = 256
    request_s: float = 30.0


LIMITS = ConnectionLimits()
