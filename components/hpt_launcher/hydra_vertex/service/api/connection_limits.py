"""Limits on the number of connections of each server, and on the time that a connection may be idle.

A connection uses a file descriptor before its token can be checked, and trials need descriptors too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of one server. A connection is closed after `request_s` seconds without an answer."""

    connections: int = 256
    request_s: float = 30.0


LIMITS = ConnectionLimits()
