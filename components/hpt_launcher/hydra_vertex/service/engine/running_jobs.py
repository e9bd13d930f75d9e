"""The runs of one kind of job: each is a task, found by the job's id until it ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Generic, Protocol, TypeVar

from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.service.jobs.database_errors import LostDatabaseError, UnwritableError

from .parallelism import Parallelism

logger = logging.getLogger(__name__)


class JobRun(Protocol):
    """The work on one job."""

    id: str

    @property
    def parallel_count(self) -> int:
        """How many places the job asks for at once."""

    async def run(self) -> None:
        """Bring the job to its end."""

    def shut_down(self) -> None:
        """End what runs of the job; a later service goes on with it."""


R = TypeVar("R", bound=JobRun)


class RunningJobs(Generic[R]):
    """Runs that have not ended. `broken` gets the ids of jobs that cannot go on, with the reason."""

    def __init__(self, noun: str, parallelism: Parallelism, broken: dict[str, str]) -> None:
        """`noun` is how a log line calls a job of this kind."""
        self._noun = noun
        self._parallelism = parallelism
        self._broken = broken
        self._runs: dict[str, R] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, run: R) -> None:
        """Begin with a job."""
        self._runs[run.id] = run
        self._parallelism.add(run.id, run.parallel_count)
        self._tasks[run.id] = asyncio.create_task(self._run(run), name=f"{self._noun} {run.id}")

    def find(self, job_id: str) -> R | None:
        """The run of a job; None when it has ended."""
        return self._runs.get(job_id)

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all of them, so that a later service goes on with them; the tasks to be waited for."""
        for run in self._runs.values():
            run.shut_down()
        return list(self._tasks.values())

    async def _run(self, run: R) -> None:
        try:
            await run.run()
        except UnwritableError as error:
            self._leave(run.id, error)
        except LostDatabaseError as error:
            self._break(run.id, str(error))
        except Exception as error:
            if is_shortage(error):
                self._leave(run.id, error)
            else:
                logger.exception("%s %s cannot go on", self._noun, run.id)
                self._break(run.id, f"{type(error).__name__}: {error}")
        finally:
            self._parallelism.remove(run.id)
            del self._runs[run.id], self._tasks[run.id]

    def _leave(self, job_id: str, error: Exception) -> None:
        logger.warning("%s %s is left as it was recorded last: %s", self._noun, job_id, error)

    def _break(self, job_id: str, reason: str) -> None:
        logger.error("%s %s cannot go on: %s", self._noun, job_id, reason)
        self._broken[job_id] = reason
