"""Decides from the containers of a launch which of them determines its end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from .inspection import Container

_UNKNOWN = datetime.max.replace(tzinfo=timezone.utc)


def decisive(containers: Sequence[Container]) -> int | None:
    """Return the index of the worker whose end is that of the launch; None while none has ended so.

    That is the first that ended among the unsuccessful ones and the chief, which is the first container. What the
    others do afterwards is a consequence: they are ended.
    """
    ends = [
        (container.finished or _UNKNOWN, index)
        for index, container in enumerate(containers)
        if container.has_ended and (index == 0 or container.exit_code != 0)
    ]
    return min(ends)[1] if ends else None


def is_stopped(container: Container, end_requested: datetime | None) -> bool:
    """Whether a container ended because that was requested: a request after its end does not count."""
    if end_requested is None:
        return False
    return container.finished is None or container.finished >= end_requested
