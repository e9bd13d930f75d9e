"""A study whose limit is reached while its trials wait in the queue of an engine."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from hydra_vertex.job import TrialState
from hydra_vertex.job.document import parse_job
from hydra_vertex.service.devices.capacity import Capacity
from hydra_vertex.service.engine.engine import Engine
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.store import Store
from hydra_vertex.service.optimizer import load_model
from hydra_vertex.service.resource_names import JobKind, JobName
from hydra_vertex.service.trials.engines.contract import Exited, Missing, Queued, State
from hydra_vertex.service.trials.exit_status import ExitStatus
from service.harness import PARENT, Document, job_document
from service.trials.engines.scripted_engine import STARTED, ScriptedEngine

LIMIT = {"shouldStopAsap": True, "maximumRuntimeConstraint": {"maxDuration": "2s"}}


async def ended(engine: Engine, name: JobName) -> Document:
    while engine.get(name)["state"] not in {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED"}:
        await asyncio.sleep(0.1)
    return dict(engine.get(name))


@pytest.mark.parametrize("state", [Missing(), Exited(ExitStatus(code=143, stopped=True, started=STARTED))])
def test_trials_in_a_queue_leave_it_when_the_study_has_reached_its_limit(tmp_path: Path, state: State) -> None:
    load_model()  # as the service does before it answers: the first trial needs it
    folder = ServiceFolder(tmp_path)
    workers = ScriptedEngine([(Queued("no free node"),)], ended=state)
    document = job_document(tmp_path, "gated", trials=4, parallel=2)
    document["studySpec"]["studyStoppingConfig"] = LIMIT

    async def run(store: Store) -> Document:
        engine = Engine(folder, store, Capacity(), engine=workers)
        created = await engine.create(PARENT, parse_job(document))
        name = JobName(PARENT, JobKind.TUNING, str(created["name"]).rsplit("/", 1)[-1])
        try:
            return await asyncio.wait_for(ended(engine, name), 30)
        finally:
            await engine.stop()

    with closing(Store(folder)) as store:
        job = asyncio.run(run(store))
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [trial["state"] for trial in job["trials"]] == [TrialState.INFEASIBLE.value] * 2
    assert all("the study was stopped (maximumRuntime" in trial["infeasibleReason"] for trial in job["trials"])
    assert sorted(workers.removed) == sorted(workers.launched)
