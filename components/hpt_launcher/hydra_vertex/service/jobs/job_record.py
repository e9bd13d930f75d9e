"""One job while it is being worked on: what is known of it, in memory and on the disk alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId

from .store import Store, StoredJob
from .tuning_job_state import put_trial
from .write_retry import WriteRetry

ROUNDS_BETWEEN_TURNS = 4
"""Rounds of the event loop between two turns: a request takes one to be read, one to be answered, and one each more
where it has a body or comes over a new connection."""


class JobRecord:
    """The present state of a job. Whatever is put here is on the disk before anybody acts upon it."""

    def __init__(self, stored: StoredJob, store: Store, turns: asyncio.Lock, write_retry: WriteRetry) -> None:
        self.id = stored.id
        self.job = stored.job
        self._store = store
        self._turns = turns
        self.write_retry = write_retry

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """For what holds up the event loop: a start or a conclusion waits for the disk and for other processes.

        One at a time, over all jobs, and requests are answered in between: a hundred trials that end together must not
        keep a reader waiting for all of them.
        """
        async with self._turns:
            yield
            for _ in range(ROUNDS_BETWEEN_TURNS):
                await asyncio.sleep(0)

    def trial(self, trial_id: str) -> Trial:
        """A trial, as it stands."""
        return self.job.trials[int(trial_id) - 1]

    def put(self, job: HyperparameterTuningJob) -> None:
        """Take on a new state of the job. Raises UnwritableError, and nothing has changed then."""
        self._store.save(self.id, job)
        self.job = job

    def put_trial(self, trial: Trial, process: ProcessId | None = None) -> None:
        """Take on a new state of one trial; `process` supervises it. Raises UnwritableError, as `put` does."""
        job = put_trial(self.job, trial, now())
        self._store.save_trial(self.id, job, trial, process)
        self.job = job
