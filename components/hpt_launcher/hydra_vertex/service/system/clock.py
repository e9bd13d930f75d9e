"""The service's clock: the wall-clock time at the start of the process plus the time elapsed since then.

Setting the machine's clock back or forward changes no duration, and no recorded time is earlier than one recorded
before it. Supervisors keep the deadlines of trials, on the monotonic clock.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone

# CLOCK_BOOTTIME, where the system has it, also counts the time during which the machine is suspended.
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

logger = logging.getLogger(__name__)


class Clock:
    """A clock that never goes back and never jumps."""

    def __init__(self) -> None:
        self._base = datetime.fromtimestamp(time.time(), timezone.utc)
        self._base_s = time.clock_gettime(_ELAPSED)

    def now(self) -> datetime:
        """Return the time, timezone-aware and in UTC."""
        return self._base + timedelta(seconds=time.clock_gettime(_ELAPSED) - self._base_s)

    def not_before(self, moment: datetime) -> None:
        """Continue from a moment that is already recorded, when this clock is behind it."""
        behind = moment - self.now()
        if behind > timedelta(0):
            logger.warning("the machine's clock is %s behind the newest recorded time; times go on from there", behind)
            self._base += behind


_CLOCK = Clock()
now = _CLOCK.now
not_before = _CLOCK.not_before
