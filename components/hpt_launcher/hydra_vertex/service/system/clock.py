"""The service's own time: the machine's clock as it stood at the start, and from then on what has really passed.

A clock that is set an hour back or a day forward changes no duration, and nothing that is recorded seems to be older
than what was recorded before it. Deadlines of trials are kept by their supervisors, on the monotonic clock.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone

# It goes on while the machine sleeps, where the system has such a clock.
_PASSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

logger = logging.getLogger(__name__)


class Clock:
    """A time that never goes back and never jumps."""

    def __init__(self) -> None:
        self._base = datetime.fromtimestamp(time.time(), timezone.utc)
        self._base_s = time.clock_gettime(_PASSED)

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        return self._base + timedelta(seconds=time.clock_gettime(_PASSED) - self._base_s)

    def not_before(self, moment: datetime) -> None:
        """Go on from a moment that was recorded already, when the machine's clock is behind it."""
        behind = moment - self.now()
        if behind > timedelta(0):
            logger.warning(
                "the machine's clock is %s behind what is recorded already; times are counted on from there", behind
            )
            self._base += behind


_CLOCK = Clock()
now = _CLOCK.now
not_before = _CLOCK.not_before
