"""Removes what is left in an engine: launches of trials that have ended or were never recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.rows import StoredCustomJob, StoredJob
from hydra_vertex.service.trials.engines.contract import Launch, UnavailableError, WorkerEngine
from hydra_vertex.service.trials.engines.launches import launch_prefix

from .context import EngineContext

PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
CHECK_INTERVAL_S = 600.0

logger = logging.getLogger(__name__)


async def remove_leftovers(engine: WorkerEngine, context: EngineContext, service_id: str) -> None:
    """Remove the launches of this service that belong to no live trial, now and every CHECK_INTERVAL_S, for ever.

    Later ones are of trials that failed because the engine did not answer. They are removed when they have been seen
    twice: the run of a trial removes its launch itself, with a grace period.
    """
    before = await _left(engine, context, service_id)
    await _remove_all(engine, before, context)
    while True:
        await asyncio.sleep(CHECK_INTERVAL_S)
        left = await _left(engine, context, service_id)
        await _remove_all(engine, left & before, context)
        before = left


async def _left(engine: WorkerEngine, context: EngineContext, service_id: str) -> frozenset[str]:
    """Return the ids of the launches without a live trial. Waits while the engine does not answer."""
    pause_s = PAUSE_S
    while (known := await _known(engine)) is None:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    # After the ids of the engine: a trial that is launched meanwhile is not among them, and a live one is recorded.
    kept = set(live_prefixes(service_id, context.store.unfinished(), context.store.unfinished_custom_jobs()))
    return frozenset(launch_id for launch_id in known if launch_id.rpartition("-")[0] not in kept)


async def _remove_all(engine: WorkerEngine, launch_ids: Iterable[str], context: EngineContext) -> None:
    for launch_id in sorted(launch_ids):
        logger.warning("%s belongs to no trial that is to run; it is removed", launch_id)
        await _remove(engine, launch_id, context.folder.trial("0", "0"))


async def _known(engine: WorkerEngine) -> frozenset[str] | None:
    """Return the ids that the engine knows; None when it does not answer."""
    try:
        return await asyncio.to_thread(engine.known_ids)
    except UnavailableError as error:
        logger.warning("what may be left in the engine stays for now: %s", error)
        return None


async def _remove(engine: WorkerEngine, launch_id: str, folder: TrialFolder) -> None:
    launch = Launch(launch_id, "", "", (), folder, "", folder.path, 0.0, 0.0)
    try:
        await asyncio.to_thread(engine.remove, launch)
    except UnavailableError as error:
        logger.warning("%s stays for now: %s", launch_id, error)


def live_prefixes(service_id: str, jobs: Iterable[StoredJob], custom_jobs: Iterable[StoredCustomJob]) -> Iterable[str]:
    """Yield the ids, without the attempt, of the launches of all live trials and custom jobs."""
    for stored in jobs:
        for trial in tuning_job_state.live_trials(stored.job):
            yield launch_prefix(service_id, stored.id, trial.id)
    for custom in custom_jobs:
        yield launch_prefix(service_id, custom.id)
