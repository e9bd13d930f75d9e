"""Fairness of the operations in their event loop."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hydra_vertex.job import CustomJob, JobState, TrialJobSpec
from hydra_vertex.service.api.operations import Operations
from hydra_vertex.service.devices.capacity import capacity_of
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES
from hydra_vertex.service.engine.engine import Engine
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.store import Store
from hydra_vertex.service.resource_names import JobKind, JobName
from service.harness import PARENT

JOBS = 10
ENDED = CustomJob("a job", TrialJobSpec(()), state=JobState.SUCCEEDED)


def test_other_requests_are_answered_between_simultaneous_changes(tmp_path: Path) -> None:
    """A coroutine that only yields to the event loop represents a client whose request is answered at once."""
    folder = ServiceFolder(tmp_path)
    rounds = 0
    ends: list[int] = []

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async def delete(operations: Operations, job_id: str) -> None:
        await operations.delete(JobKind.CUSTOM, str(JobName(PARENT, JobKind.CUSTOM, job_id)))
        ends.append(rounds)

    async def run(store: Store) -> None:
        engine = Engine(folder, store, capacity_of(DEFAULT_RESOURCES, []))
        stored = [await store.add_custom_job(PARENT, lambda job_id: replace(ENDED, name=job_id)) for _ in range(JOBS)]
        counting = asyncio.create_task(count())
        operations = Operations(engine)
        await asyncio.gather(*(delete(operations, job.id) for job in stored))
        counting.cancel()
        await engine.stop()

    with closing(Store(folder)) as store:
        asyncio.run(run(store))
    # Several changes may end in the same iteration of the event loop.
    assert len(set(ends)) > 1
