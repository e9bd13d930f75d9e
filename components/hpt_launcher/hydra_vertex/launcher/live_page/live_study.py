"""One study's page: reads the study while somebody looks at it, and tells each reader which sections have changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from hydra_vertex.protocol.json import Json

from .feed import Feed, Reading
from .sections import KEEP_ALIVE, changes, event, first_event

READ_INTERVAL_S = 1.0
"""The shortest time between two updates of a page."""
REDRAW_INTERVAL_S = 5.0
"""The time after which an unchanged running study is drawn again: its clocks go on."""
SHARE_OF_A_CORE = 0.2
"""The largest share of the time in which the page is computed, so that a large study does not slow its trials."""
KEEP_ALIVE_S = 10.0
CHANGED = "sections"
ENDED = "ended"

logger = logging.getLogger(__name__)


class Renderer(Protocol):
    """Computes a page from the state of its study. Both methods are called in a thread."""

    def page(self, reading: Reading, version: int) -> str:
        """Return the whole document, whose script asks for the changes after this version."""

    def sections(self, reading: Reading) -> Mapping[str, Json]:
        """Return everything that can change on the page, by the names of its sections."""


class LiveStudy:
    """The state of one page. All methods must be called in one event loop."""

    def __init__(self, feed: Feed, renderer: Renderer) -> None:
        self.feed = feed
        self._renderer = renderer
        self._reading = Reading()
        self._sections: Mapping[str, Json] = {}
        self._version = 0
        self._drawn_at = float("-inf")
        self._cost_s = 0.0
        self._readers = 0
        self._changed = asyncio.Event()
        self._end: str | None = None
        self._refreshing = asyncio.Lock()
        self._updates: asyncio.Task[None] | None = None

    @property
    def has_readers(self) -> bool:
        """Whether a browser follows the study now."""
        return self._readers > 0

    async def page(self) -> str:
        """Return the document in the newest state."""
        await self._refresh()
        return await asyncio.to_thread(self._renderer.page, self._reading, self._version)

    async def events(self, known: str) -> AsyncIterator[str]:
        """Yield the text of the event stream until the command ends. `known` is the version that the page has.

        A reader holds at most the state that it has been sent: whoever is slow gets the next state later, and none is
        kept for it.
        """
        self._readers += 1
        self._updates = self._updates or asyncio.create_task(self._keep_current(), name="live page")
        try:
            yield first_event()
            sent = self._sections if known == str(self._version) else {}
            while True:
                changed, state, version = self._changed, self._sections, self._version
                if differences := changes(sent, state):
                    yield event(CHANGED, differences, str(version))
                    sent = state
                if self._end is not None:
                    yield event(ENDED, self._end)
                    return
                if not await _happens(changed, KEEP_ALIVE_S):
                    yield KEEP_ALIVE
        finally:
            self._readers -= 1
            if not self._readers and self._updates is not None:
                self._updates.cancel()
                self._updates = None

    async def end(self, message: str) -> None:
        """Bring the last state to all readers, and then `message`."""
        if self._readers:
            await self._refresh()
        self._end = message
        self._tell()

    async def _keep_current(self) -> None:
        """Update the page while it has readers."""
        while self._end is None:
            await self._refresh()
            await asyncio.sleep(max(READ_INTERVAL_S, self._cost_s / SHARE_OF_A_CORE))

    async def _refresh(self) -> None:
        """Read the study, and draw the page if something has changed. An error is shown as the problem of the state."""
        async with self._refreshing:
            began = time.monotonic()
            reading = await asyncio.to_thread(self.feed.read)
            self._cost_s = time.monotonic() - began
            is_due = time.monotonic() - self._drawn_at >= REDRAW_INTERVAL_S
            if reading == self._reading and not (is_due and _goes_on(reading)) and self._version:
                return
            try:
                sections = await asyncio.to_thread(self._renderer.sections, reading)
            except Exception:
                # The study must not end because its page cannot be drawn; the readers keep the last state.
                logger.exception("the live page cannot be drawn")
                sections = self._sections
            self._drawn_at = time.monotonic()
            self._cost_s = self._drawn_at - began
            self._reading = reading
            if changes(self._sections, sections) or not self._version:
                self._sections = sections
                self._version += 1
                self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _goes_on(reading: Reading) -> bool:
    jobs = [job for job in (reading.job, reading.repeats) if job is not None]
    return any(not job.state.is_terminal for job in jobs)


async def _happens(waited: asyncio.Event, limit_s: float) -> bool:
    try:
        await asyncio.wait_for(waited.wait(), limit_s)
    except asyncio.TimeoutError:
        return False
    return True
