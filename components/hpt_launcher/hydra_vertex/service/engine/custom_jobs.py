"""All custom jobs of one service: takes them on, runs each as a trial is run, and finds them again after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from hydra_vertex.job import CustomJob
from hydra_vertex.service.devices.slots import Slot, Slots
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs import custom_job_state
from hydra_vertex.service.jobs.store import Store, StoredCustomJob, UnwritableError
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.resource_names import JobKind, JobName
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.trials.launch_spec import Host, LaunchSpec
from hydra_vertex.service.trials.trial_run import EndReason
from hydra_vertex.service.validation.job_spec import OUTPUT_DIRECTORY
from hydra_vertex.service.validation.jobs import validate_custom_job

from .custom_job_run import CustomJobRun, custom_launch_spec

logger = logging.getLogger(__name__)

MakeOrder: TypeAlias = Callable[[Slot | None], LaunchSpec]


class CustomJobs:
    """The custom jobs of one folder. Lives in one event loop; every method raises Refusal for what it does not do."""

    def __init__(
        self,
        folder: ServiceFolder,
        store: Store,
        host: Host,
        slots: Slots,
        at_once: Callable[[], int],
        write_retry: WriteRetry,
        broken: dict[str, str],
    ) -> None:
        """The jobs take their places from `slots`, as trials do, and share the CPUs among `at_once`.

        `broken` gets the ids of jobs that cannot go on, with the reason.
        """
        self._folder = folder
        self._store = store
        self._host = host
        self._slots = slots
        self._at_once = at_once
        self._write_retry = write_retry
        self._broken = broken
        self._runs: dict[str, CustomJobRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Go on with every custom job that an earlier service left unfinished."""
        for stored in self._store.unfinished_custom_jobs():
            self._drive(stored)

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all of them, so that a later service runs them again; what is to be waited for."""
        for run in self._runs.values():
            run.halt(EndReason.SHUTDOWN)
        return list(self._tasks.values())

    def create(self, parent: str, job: CustomJob) -> str:
        """Take on a job. It is recorded when this returns its id."""
        validate_custom_job(job)
        self._folder.output_base("", job.spec.base_output_uri, f"jobSpec.{OUTPUT_DIRECTORY}")
        stored = self._store.add_custom_job(
            parent, lambda job_id: custom_job_state.accept(job, str(JobName(parent, JobKind.CUSTOM, job_id)), now())
        )
        self._drive(stored)
        return stored.id

    @property
    def count(self) -> int:
        """How many jobs there are that have not ended."""
        return len(self._runs)

    def find(self, job_id: str) -> CustomJobRun | None:
        """The work on a job; None when it has ended."""
        return self._runs.get(job_id)

    def _drive(self, stored: StoredCustomJob) -> None:
        order = partial(custom_launch_spec, stored.id, stored.job, self._folder, self._host, self._at_once)
        gpu = self._folder.custom_job(stored.id).read_gpu()
        run = CustomJobRun(stored, self._store, self._slots, self._write_retry, order, gpu)
        self._runs[stored.id] = run
        self._tasks[stored.id] = asyncio.create_task(self._carry_through(stored.id, run), name=f"job {stored.id}")

    async def _carry_through(self, job_id: str, run: CustomJobRun) -> None:
        try:
            await run.run()
        except UnwritableError as error:
            logger.warning("custom job %s is left as it was recorded last: %s", job_id, error)
        except Exception as error:
            logger.exception("custom job %s cannot go on", job_id)
            self._broken[job_id] = f"{type(error).__name__}: {error}"
        finally:
            del self._runs[job_id], self._tasks[job_id]
