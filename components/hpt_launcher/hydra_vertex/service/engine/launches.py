"""Builds the launch specs of the trials and custom jobs of one service."""

from __future__ import annotations

import hashlib
import hmac

from hydra_vertex.job import CustomJob, HyperparameterTuningJob, Trial, TrialJobSpec
from hydra_vertex.service.devices.slots import Slot
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.trials.engines.contract import WorkerEngine
from hydra_vertex.service.trials.engines.engine_run import EngineOrder
from hydra_vertex.service.trials.engines.launches import custom_job_launch, trial_launch, worker_count
from hydra_vertex.service.trials.engines.process.engine import ProcessEngine
from hydra_vertex.service.trials.launch_spec import (
    Host,
    LaunchSpec,
    Share,
    custom_job_launch_spec,
    trial_launch_spec,
)

from .parallelism import Parallelism
from .pipeline_order import PipelineFolder, pipeline_launch_spec
from .start_run import Order


class Launches:
    """Builds launch specs from the folder, the host and a job, and orders of engines.

    `secret` is the HMAC key of the token that a supervisor writes into the exit file; trials do not know it.
    `pipeline_program` is the command of the program that runs a pipeline job (`pipeline_order`); empty for none.
    `engine` runs all trials and custom jobs; None for this machine, where jobs of several workers have an engine too.
    """

    def __init__(
        self,
        folder: ServiceFolder,
        host: Host,
        parallelism: Parallelism,
        secret: str,
        pipeline_program: tuple[str, ...] = (),
        engine: WorkerEngine | None = None,
    ) -> None:
        self._folder = folder
        self._host = host
        self._parallelism = parallelism
        self._secret = secret.encode()
        self._pipeline_program = pipeline_program
        self._engine = engine
        self._service_id = service_id(secret)

    def of_trial(self, job_id: str, job: HyperparameterTuningJob, trial: Trial, slot: Slot | None) -> Order:
        """Return the order of a trial. A slot of None is for a trial that is only concluded, not started."""
        folder = self._folder.trial(job_id, trial.id)
        base = self._folder.output_base(job_id, job.trial_job_spec.base_output_uri)
        token = self._token(job_id, trial.id)
        engine = self._engine_for(job.trial_job_spec, slot, token)
        if engine is not None:
            return EngineOrder(engine, trial_launch(self._service_id, job, trial, folder, base))
        return trial_launch_spec(job, trial, folder, base, self._host, self._share(slot), token)

    def of_custom_job(self, job_id: str, job: CustomJob, slot: Slot | None) -> Order:
        """Return the order of a custom job. A slot of None is for a job that is only concluded, not started."""
        folder = self._folder.custom_job(job_id)
        base = self._folder.output_base(job_id, job.spec.base_output_uri)
        token = self._token(job_id, "")
        engine = self._engine_for(job.spec, slot, token)
        if engine is not None:
            return EngineOrder(engine, custom_job_launch(self._service_id, job_id, job, folder, base))
        return custom_job_launch_spec(job_id, job, folder, base, self._host, self._share(slot), token)

    @property
    def engine_name(self) -> str:
        """The name of the engine that runs all trials; empty for this machine."""
        return "" if self._engine is None else self._engine.name

    @property
    def runs_pipelines(self) -> bool:
        """Whether the service has a program that runs pipelines."""
        return bool(self._pipeline_program)

    def of_pipeline(self, number: str, folder: PipelineFolder) -> LaunchSpec:
        """Return the launch spec of a pipeline job."""
        token = self._token(number, "")
        return pipeline_launch_spec(folder, self._pipeline_program, self._host, token, self._folder.token)

    def _engine_for(self, spec: TrialJobSpec, slot: Slot | None, token: str) -> WorkerEngine | None:
        """Return the engine of a job; None for a job of one worker on this machine, which has a supervisor."""
        if self._engine is None and worker_count(spec) > 1:
            return ProcessEngine(self._host, self._share(slot), token)
        return self._engine

    def _share(self, slot: Slot | None) -> Share:
        return Share(slot.gpu if slot else None, self._parallelism.at_once)

    def _token(self, job_id: str, trial_id: str) -> str:
        return hmac.new(self._secret, f"{job_id}/{trial_id}".encode(), hashlib.sha256).hexdigest()


def service_id(secret: str) -> str:
    """Return the 8 hexadecimal digits that mark the launches of a service: the same for each start on its folder."""
    return hashlib.sha256(f"service id/{secret}".encode()).hexdigest()[:8]
