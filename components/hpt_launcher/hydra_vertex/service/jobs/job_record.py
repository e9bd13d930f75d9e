"""One job while it is being worked on: what is known of it, in memory and on the disk alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId

from .rows import StoredJob
from .store import Store
from .tuning_job_state import put_trial


class JobRecord:
    """The present state of a job. Whatever is put here is on the disk before anybody acts upon it.

    Changes are functions of the state before them, and follow each other: while one waits for the disk no other begins.
    """

    def __init__(self, stored: StoredJob, store: Store) -> None:
        self.id = stored.id
        self.job = stored.job
        self._store = store
        self._turn = asyncio.Lock()

    def trial(self, trial_id: str) -> Trial:
        """A trial, as it stands."""
        return self.job.trials[int(trial_id) - 1]

    async def change(self, change: Callable[[HyperparameterTuningJob], HyperparameterTuningJob]) -> None:
        """Take on a new state of the job. Raises UnwritableError, and nothing has changed then.

        A `change` that returns what it was given changes nothing.
        """
        async with self._turn:
            job = change(self.job)
            if job is not self.job:
                await self._store.save(self.id, job)
                self.job = job

    async def add_trial(self, request: Callable[[HyperparameterTuningJob], Trial]) -> Trial:
        """Take on a new trial. Raises UnwritableError, as `change` does."""
        async with self._turn:
            return await self._put_trial(request(self.job), None)

    async def change_trial(
        self, trial_id: str, change: Callable[[Trial], Trial], process: ProcessId | None = None
    ) -> None:
        """Take on a new state of one trial; `process` supervises it. Raises UnwritableError, as `change` does.

        A `change` that returns what it was given changes nothing.
        """
        async with self._turn:
            before = self.trial(trial_id)
            trial = change(before)
            if trial is not before:
                await self._put_trial(trial, process)

    async def _put_trial(self, trial: Trial, process: ProcessId | None) -> Trial:
        job = put_trial(self.job, trial, now())
        await self._store.save_trial(self.id, job, trial, process)
        self.job = job
        return trial
