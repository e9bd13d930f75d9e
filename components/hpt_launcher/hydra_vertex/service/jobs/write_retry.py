"""Waits while nothing can be written: a full disk holds a study up and ends nothing."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Callable
from typing import ParamSpec

from .store import UnwritableError

P = ParamSpec("P")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

logger = logging.getLogger(__name__)


class WriteRetry:
    """Repeats what could not be written, and says so once. One for all jobs of a service."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Wait no more: the service stops. What is on the disk is what the next one goes on from."""
        self._ended.set()

    async def until_written(self, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Do something that writes, again and again while there is no space for it.

        `act` changes nothing when it raises. Raises its error once the service stops, and any other error at once.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                act(*args, **kwargs)
            except (UnwritableError, OSError) as error:
                if not _is_no_space(error) or self._ended.is_set():
                    raise
                self._note(error)
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                return self._note_written()

    def is_written(self, act: Callable[[], None]) -> bool:
        """Do what can as well be done later; whether it could be written."""
        try:
            act()
        except UnwritableError as error:
            self._note(error)
            return False
        self._note_written()
        return True

    def _note(self, error: Exception) -> None:
        if self._since_s is None:
            self._since_s = time.monotonic()
            logger.warning("%s; trials that run go on, and what they do is recorded when there is space", error)

    def _note_written(self) -> None:
        if self._since_s is not None:
            # The first line may be lost: it goes to a disk, too.
            waited_s = time.monotonic() - self._since_s
            logger.warning("writing goes on, after %.1f s in which the disk took nothing", waited_s)
        self._since_s = None

    async def _pause(self, pause_s: float) -> None:
        try:
            await asyncio.wait_for(self._ended.wait(), pause_s)
        except asyncio.TimeoutError:
            return


def _is_no_space(error: Exception) -> bool:
    return isinstance(error, UnwritableError) or (isinstance(error, OSError) and error.errno in NO_SPACE)
