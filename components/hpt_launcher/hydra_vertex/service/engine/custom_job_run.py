"""One custom job from its start, or its adoption, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hydra_vertex.job import ContainerSpec, CustomJob, JobError, JobState
from hydra_vertex.protocol.environment import TRIAL_ID, OutputDirs, TrialEnvironment
from hydra_vertex.service.devices.slots import Slot, Slots
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs import custom_job_state
from hydra_vertex.service.jobs.custom_job_state import CANCELED
from hydra_vertex.service.jobs.store import Store, StoredCustomJob, UnwritableError
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.status import Status
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason, read_exit_status, with_log_tail
from hydra_vertex.service.trials.launch import Supervisor, launch, remove_leftovers
from hydra_vertex.service.trials.launch_spec import DEFAULT_TIMEOUT_S, Host, LaunchSpec, Share, trial_environ
from hydra_vertex.service.trials.trial_run import START_LIMIT, EndReason


class CustomJobRun:
    """Works on one custom job until it ends, or until the service stops."""

    def __init__(
        self,
        stored: StoredCustomJob,
        store: Store,
        slots: Slots,
        write_retry: WriteRetry,
        order: Callable[[Slot | None], LaunchSpec],
        gpu: str | None,
    ) -> None:
        """`gpu` is the one that an earlier service gave the job, None where it gave none."""
        self._id = stored.id
        self._job = stored.job
        self._store = store
        self._slots = slots
        self._write_retry = write_retry
        self._order_on = order
        self._order = order(None)
        self._gpu = gpu
        self._supervisor = None if stored.process is None else Supervisor(stored.process)
        self._halt = EndReason.CANCELLED if stored.job.state is JobState.CANCELLING else None
        self._halted = asyncio.Event()
        if self._halt is not None:
            self._halted.set()

    def cancel(self) -> None:
        """Record that the job is to be cancelled, and end its process. Raises UnwritableError."""
        process = self._supervisor.process if self._supervisor else None
        self._put(custom_job_state.request_cancel(self._job, now()), process)
        self.halt(EndReason.CANCELLED)

    def halt(self, why: EndReason) -> None:
        """End the job's process before its time."""
        self._halt = self._halt or why
        self._halted.set()
        if self._supervisor is not None:
            self._supervisor.terminate()

    async def run(self) -> None:
        """Bring the job to an end. Raises UnwritableError when the service stops before that can be recorded."""
        slot = await self._place()
        self._order = self._order_on(slot)
        try:
            await self._run()
        finally:
            if slot is not None:
                self._slots.release(slot)

    async def _place(self) -> Slot | None:
        """Where the job runs; None when it is halted before there is a place."""
        if self._supervisor is not None:
            return self._slots.take(self._id, self._gpu)
        asked = self._slots.request(self._id)
        halted = asyncio.create_task(self._halted.wait())
        waited_for: list[asyncio.Future[Any]] = [asked, halted]  # of two kinds of result, which asyncio leaves open
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        halted.cancel()
        if self._halt is None:
            return asked.result()
        self._slots.withdraw(asked)
        return None

    async def _run(self) -> None:
        if self._supervisor is not None and self._halt is not None:
            self._supervisor.terminate()
        for _ in range(START_LIMIT):
            if self._supervisor is None and self._halt is None:
                try:
                    await self._write_retry.until_written(self._start)
                except OSError as error:
                    if self._halt is None:
                        return await self._write_retry.until_written(self._fail, f"could not be started: {error}")
            ending = await self._ended()
            if self._halt is not None or (ending is not None and not ending.stopped):
                return await self._write_retry.until_written(self._conclude, ending)
            self._supervisor = None
        reason = f"its supervising process was killed {START_LIMIT} times"
        return await self._write_retry.until_written(self._fail, reason)

    def _start(self) -> None:
        if self._halt is not None:
            return
        supervisor = launch(self._order)
        try:
            self._put(custom_job_state.begin(self._job, now()), supervisor.process)
        except UnwritableError:
            supervisor.abandon()
            raise
        supervisor.start_command(self._order)
        self._supervisor = supervisor

    async def _ended(self) -> ExitStatus | None:
        if self._supervisor is None:
            return None
        await self._supervisor.ended()
        ending = read_exit_status(self._order.folder.exit_file)
        if ending is None:
            await remove_leftovers(self._order)
        return ending

    def _conclude(self, ending: ExitStatus | None) -> None:
        if ending is not None and not ending.stopped and self._halt is not EndReason.CANCELLED:
            if ending.is_well:
                return self._put(custom_job_state.finish(self._job, JobState.SUCCEEDED, None, now()))
            return self._fail(failure_reason(ending, self._order.timeout_s))
        if self._halt is EndReason.CANCELLED:
            return self._put(custom_job_state.finish(self._job, JobState.CANCELLED, CANCELED, now()))
        return self._put(custom_job_state.postpone(self._job, now()))

    def _fail(self, reason: str) -> None:
        # Vertex AI blames the job's own program, by INVALID_ARGUMENT, for whatever it ends with but 0.
        error = JobError(Status.INVALID_ARGUMENT.rpc_code, with_log_tail(reason, self._order.folder.log))
        self._put(custom_job_state.finish(self._job, JobState.FAILED, error, now()))

    def _put(self, job: CustomJob, process: ProcessId | None = None) -> None:
        self._store.save_custom_job(self._id, job, process)
        self._job = job


def custom_launch_spec(
    job_id: str, job: CustomJob, folder: ServiceFolder, host: Host, at_once: Callable[[], int], slot: Slot | None
) -> LaunchSpec:
    """What a custom job's process is started with: the container's command, and no trial's identity."""
    container = job.spec.worker_pools[0].container or ContainerSpec()
    base = str(folder.output_base(job_id, job.spec.base_output_uri)).rstrip("/")
    output_dirs = OutputDirs(f"{base}/model/", f"{base}/checkpoints/", f"{base}/logs/")
    place = folder.custom_job(job_id)
    identity = TrialEnvironment("", str(place.metric_file), job_id, output_dirs)
    gpu = slot.gpu if slot else None
    environ = trial_environ(container.env, identity, Share(gpu, at_once()), host)
    return LaunchSpec(
        command=(*container.command, *container.args),
        environ={name: value for name, value in environ.items() if name != TRIAL_ID},
        folder=place,
        output_dirs=output_dirs,
        timeout_s=job.spec.timeout_s or DEFAULT_TIMEOUT_S,
        gpu=gpu,
        memory_limit_bytes=host.resources.memory_bytes,
        nice=host.resources.nice,
    )
