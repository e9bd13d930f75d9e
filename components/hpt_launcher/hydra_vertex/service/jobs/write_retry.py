"""Repeats what fails for a shortage: a full disk or too few file descriptors hold a study up and end nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from hydra_vertex.protocol.shortage import NO_SPACE, is_shortage

from .database_errors import UnwritableError

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

logger = logging.getLogger(__name__)


class WriteRetry:
    """Repeats an operation while a shortage lasts, and logs its beginning and end. One for all jobs of a service."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Wait no more: the service stops. What is on the disk is what the next one goes on from."""
        self._ended.set()

    async def until_done(self, act: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await what writes, again and again while a shortage makes it fail.

        `act` changes nothing when it raises. Raises its error once the service stops, and any other error at once.
        """
        result = await self.until_read(act, *args, **kwargs)
        self._note_done()
        return result

    async def until_read(self, act: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what only reads, whose success does not show that anything can be written."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await act(*args, **kwargs)
            except (UnwritableError, OSError) as error:
                if not _passes(error) or self._ended.is_set():
                    raise
                self._note(error)
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def is_done(self, act: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Await what can as well be done later; False when a shortage makes it fail."""
        try:
            await act(*args, **kwargs)
        except (UnwritableError, OSError) as error:
            if not _passes(error):
                raise
            self._note(error)
            return False
        self._note_done()
        return True

    def _note(self, error: Exception) -> None:
        if self._since_s is None:
            self._since_s = time.monotonic()
            logger.warning("%s; running trials go on, and what they do is recorded %s", error, _until(error))

    def _note_done(self) -> None:
        if self._since_s is not None:
            # The first line may be lost: it goes to a disk, too.
            waited_s = time.monotonic() - self._since_s
            logger.warning("writing goes on, after %.1f s in which nothing could be written", waited_s)
        self._since_s = None

    async def _pause(self, pause_s: float) -> None:
        try:
            await asyncio.wait_for(self._ended.wait(), pause_s)
        except asyncio.TimeoutError:
            return


def _passes(error: Exception) -> bool:
    return isinstance(error, UnwritableError) or is_shortage(error)


def _until(error: Exception) -> str:
    has_no_space = isinstance(error, UnwritableError) or (isinstance(error, OSError) and error.errno in NO_SPACE)
    return "when there is space" if has_no_space else "when the shortage is over"
