"""The pages of one server: that of a single study, or a list of a service's jobs with the page of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from .feed import Feed, JobList
from .job_list import jobs_page
from .live_study import LiveStudy, Renderer

MOST_STUDIES = 32
"""The largest number of pages that a list keeps. Of those without readers, the one used least lately is dropped."""

RendererOf = Callable[[Feed, str], Renderer]
"""Returns the renderer of the page of a feed and of the job's name, which is empty for a single page."""


class Pages(Protocol):
    """The pages of one server. All methods must be called in its event loop."""

    async def first(self) -> str:
        """Return the document to which the link leads."""

    async def study(self, name: str) -> LiveStudy:
        """Return the study of a job. Raises HydraVertexError when there is none."""

    async def end(self, message: str) -> None:
        """Bring the last state and `message` to all readers."""


class OnePage:
    """The page of a single study."""

    def __init__(self, feed: Feed, renderer_of: RendererOf) -> None:
        self._study = LiveStudy(feed, renderer_of(feed, ""))

    async def first(self) -> str:
        """Return the study's page."""
        return await self._study.page()

    async def study(self, name: str) -> LiveStudy:  # noqa: ARG002 - there is only one
        """Return the study."""
        return self._study

    async def end(self, message: str) -> None:
        """Bring the last state and `message` to all readers."""
        await self._study.end(message)


class JobPages:
    """The list of a service's jobs, and the pages of those that were opened."""

    def __init__(self, jobs: JobList, renderer_of: RendererOf, token: str) -> None:
        self._jobs = jobs
        self._renderer_of = renderer_of
        self._token = token
        self._studies: dict[str, LiveStudy] = {}

    async def first(self) -> str:
        """Return the list."""
        return jobs_page(await asyncio.to_thread(self._jobs.jobs), self._token)

    async def study(self, name: str) -> LiveStudy:
        """Return the study of a job of the list. Raises HydraVertexError for a name that is no job's."""
        study = self._studies.pop(name, None)
        if study is None:
            feed = self._jobs.feed(name)
            study = LiveStudy(feed, self._renderer_of(feed, name))
            self._forget_unread()
        self._studies[name] = study
        return study

    def _forget_unread(self) -> None:
        unread = [name for name, study in self._studies.items() if not study.has_readers]
        for name in unread[: max(0, len(self._studies) - MOST_STUDIES + 1)]:
            del self._studies[name]

    async def end(self, message: str) -> None:
        """Bring the last states and `message` to all readers."""
        await asyncio.gather(*(study.end(message) for study in self._studies.values()))
