"""Repeats operations that fail because of a shortage: a full disk or missing file descriptors only delay a study."""

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
    """Repeats operations while a shortage lasts, and logs its start and end. All jobs of a service share one object."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop repeating, because the service stops. The next service resumes from the state on the disk."""
        self._ended.set()

    async def until_done(self, act: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await a write, and repeat it while it fails because of a shortage.

        `act` must change nothing when it raises. Its error is raised at once when it is not due to a shortage, and
        otherwise when the service stops.
        """
        result = await self.until_read(act, *args, **kwargs)
        self._note_done()
        return result

    async def until_read(self, act: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await a read with the same retries. Its success does not show that writing is possible again."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await act(*args, **kwargs)
            except (UnwritableError, OSError) as error:
                if not _is_transient(error) or self._ended.is_set():
                    raise
                self._note(error)
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def is_done(self, act: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Await a write that can be repeated later. Return False when it fails because of a shortage."""
        try:
            await act(*args, **kwargs)
        except (UnwritableError, OSError) as error:
            if not _is_transient(error):
                raise
            self._note(error)
            return False
        self._note_done()
        return True

    def _note(self, error: Exception) -> None:
        if self._since_s is None:
            self._since_s = time.monotonic()
            logger.warning("%s; running trials continue, and their results are recorded %s", error, _until(error))

    def _note_done(self) -> None:
        if self._since_s is not None:
            # The line about the start may be lost when the log is on the full disk.
            waited_s = time.monotonic() - self._since_s
            logger.warning("writing is possible again, after %.1f s in which nothing could be written", waited_s)
        self._since_s = None

    async def _pause(self, pause_s: float) -> None:
        try:
            await asyncio.wait_for(self._ended.wait(), pause_s)
        except asyncio.TimeoutError:
            return


def _is_transient(error: Exception) -> bool:
    return isinstance(error, UnwritableError) or is_shortage(error)


def _until(error: Exception) -> str:
    has_no_space = isinstance(error, UnwritableError) or (isinstance(error, OSError) and error.errno in NO_SPACE)
    return "when there is space" if has_no_space else "when the shortage is over"
