"""The unfinished runs of one kind of job: an asyncio task per run, found by the job's id until it ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Generic, Protocol, TypeVar

from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.service.jobs.database_errors import LostDatabaseError, UnwritableError
from hydra_vertex.service.trials.engines.contract import UnavailableError

from .parallelism import Parallelism

logger = logging.getLogger(__name__)


class JobRun(Protocol):
    """The run of one job."""

    id: str

    @property
    def parallel_count(self) -> int:
        """The number of slots that the job requests at once."""

    async def run(self) -> None:
        """Run the job to its end."""

    def shut_down(self) -> None:
        """End the job's processes; the next service on the folder resumes the job."""


R = TypeVar("R", bound=JobRun)


class RunningJobs(Generic[R]):
    """The runs that have not ended.

    When an error ends the run of a job, its id and the reason are added to `broken`.
    """

    def __init__(self, noun: str, parallelism: Parallelism, broken: dict[str, str]) -> None:
        """`noun` names a job of this kind in log lines."""
        self._noun = noun
        self._parallelism = parallelism
        self._broken = broken
        self._runs: dict[str, R] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, run: R) -> None:
        """Start the run of a job as a task."""
        self._runs[run.id] = run
        self._parallelism.add(run.id, run.parallel_count)
        self._tasks[run.id] = asyncio.create_task(self._run(run), name=f"{self._noun} {run.id}")

    def find(self, job_id: str) -> R | None:
        """Return the run of a job; None when the job has ended or does not exist."""
        return self._runs.get(job_id)

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all runs, so that the next service on the folder resumes the jobs. Return the tasks to wait for."""
        for run in self._runs.values():
            run.shut_down()
        return list(self._tasks.values())

    async def _run(self, run: R) -> None:
        try:
            await run.run()
        except (UnwritableError, UnavailableError) as error:
            self._log_unfinished(run.id, error)
        except LostDatabaseError as error:
            self._mark_broken(run.id, str(error))
        except Exception as error:
            if is_shortage(error):
                self._log_unfinished(run.id, error)
            else:
                logger.exception("%s %s cannot continue", self._noun, run.id)
                self._mark_broken(run.id, f"{type(error).__name__}: {error}")
        finally:
            self._parallelism.remove(run.id)
            del self._runs[run.id], self._tasks[run.id]

    def _log_unfinished(self, job_id: str, error: Exception) -> None:
        logger.warning("%s %s stays in its last recorded state: %s", self._noun, job_id, error)

    def _mark_broken(self, job_id: str, reason: str) -> None:
        logger.error("%s %s cannot continue: %s", self._noun, job_id, reason)
        self._broken[job_id] = reason
