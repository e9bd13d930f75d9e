"""The state of one running job, the same in memory and in the database."""

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
    """The present state of a job. A change is written to the database before the new state is visible here.

    Changes are functions from the old to the new state. They are serialised: a change waits until the one before it is
    written.
    """

    def __init__(self, stored: StoredJob, store: Store) -> None:
        self.id = stored.id
        self.job = stored.job
        self._store = store
        self._turn = asyncio.Lock()

    def trial(self, trial_id: str) -> Trial:
        """Return the present state of a trial."""
        return self.job.trials[int(trial_id) - 1]

    async def change(self, change: Callable[[HyperparameterTuningJob], HyperparameterTuningJob]) -> None:
        """Change the job to the state that `change` returns. Raises UnwritableError, and the state is then unchanged.

        Nothing is written when `change` returns its argument.
        """
        async with self._turn:
            job = change(self.job)
            if job is not self.job:
                await self._store.save(self.id, job)
                self.job = job

    async def add_trial(self, request: Callable[[HyperparameterTuningJob], Trial]) -> Trial:
        """Add the trial that `request` returns, and return it. Raises UnwritableError, as `change` does."""
        async with self._turn:
            return await self._put_trial(request(self.job), None)

    async def change_trial(
        self, trial_id: str, change: Callable[[Trial], Trial], process: ProcessId | None = None
    ) -> None:
        """Change one trial to the state that `change` returns. Raises UnwritableError, as `JobRecord.change` does.

        `process` is the trial's supervisor, None when it has none. Nothing is written when `change` returns its
        argument.
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
