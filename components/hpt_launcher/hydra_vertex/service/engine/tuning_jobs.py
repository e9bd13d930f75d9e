"""The tuning jobs of one service: creates them, and resumes them after a restart."""

from __future__ import annotations

import asyncio

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState
from hydra_vertex.job.quoting import quoted
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.rows import StoredJob
from hydra_vertex.service.resource_names import JobKind, JobName, trial_of_custom_job
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.trials.log_end import log_tail
from hydra_vertex.service.validation.without_effect import fields_without_effect

from .context import EngineContext
from .earlier_studies import require_earlier_studies
from .fields_log import log_without_effect
from .running_jobs import RunningJobs
from .tuning_job_run import TuningJobRun

STOPPED_BY_USER = "stopped by the user"
LOG_LINES = 200
LOG_CHARACTERS = 16_000
"""The part of a trial's log that is returned: what a person reads at once."""


class TuningJobs:
    """The tuning jobs of one folder. All methods must be called in one event loop."""

    def __init__(self, running: RunningJobs[TuningJobRun], context: EngineContext) -> None:
        self._running = running
        self._context = context

    def resume(self) -> None:
        """Resume every job that an earlier service left unfinished."""
        for stored in self._context.store.unfinished():
            self._start(stored)

    async def create(self, parent: str, job: HyperparameterTuningJob) -> str:
        """Record and start a validated job, and return its id.

        Raises Refusal when the output directory is invalid or its earlier studies are missing, UnwritableError when the
        job cannot be recorded.
        """
        require_earlier_studies(self._context.folder, job)
        self._context.folder.output_base("", job.trial_job_spec.base_output_uri)
        stored = await self._context.store.add_job(
            parent, lambda job_id: tuning_job_state.accept(job, str(JobName(parent, JobKind.TUNING, job_id)), now())
        )
        fields = fields_without_effect(job.trial_job_spec, "trialJobSpec", job.other)
        log_without_effect(stored.id, fields, self._context.launches.engine_name)
        self._start(stored)
        return stored.id

    def find(self, job_id: str) -> TuningJobRun | None:
        """Return the run of a job; None when the job has ended or does not exist."""
        return self._running.find(job_id)

    async def stop_trial(self, name: JobName, trial_id: str) -> None:
        """Stop a running trial early; do nothing when it is being stopped already.

        Its value is then selected from what it has reported, as after a stop by a rule. Raises Refusal when there is no
        such trial, when it does not run, and while nothing can be written.
        """
        trial = self._trial(name, trial_id)
        run = self.find(name.id)
        if run is not None and not trial.state.is_terminal and await run.stop_trial(trial_id, STOPPED_BY_USER):
            return
        trial = self._trial(name, trial_id)
        if trial.state is TrialState.ACTIVE:
            raise Refusal(Status.UNAVAILABLE, f"trial {trial_id} of {name} could not be stopped now; try again")
        raise Refusal(
            Status.FAILED_PRECONDITION,
            f"trial {trial_id} of {name} is {trial.state.value}; only a trial that runs can be stopped",
        )

    async def trial_log(self, name: JobName, trial_id: str) -> str:
        """Return the end of a trial's log; empty while it has none. Raises Refusal when there is no such trial."""
        self._trial(name, trial_id)
        folder = self._context.folder.trial(name.id, trial_id)
        return await asyncio.to_thread(log_tail, folder, LOG_LINES, LOG_CHARACTERS)

    def _trial(self, name: JobName, trial_id: str) -> Trial:
        ids = trial_of_custom_job(f"{name.id}-{trial_id}")
        found = self._context.store.trial(name.parent, *ids) if ids else None
        if found is None:
            raise Refusal(Status.NOT_FOUND, f"trial {quoted(trial_id)} of {name} is not found")
        return found[1]

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all jobs, so that the next service on the folder resumes them. Return the tasks to wait for."""
        return self._running.shut_down()

    def _start(self, stored: StoredJob) -> None:
        self._running.start(TuningJobRun(stored, self._context))
