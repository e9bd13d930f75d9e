"""Builds the launch specs of the trials and custom jobs of one service."""

from __future__ import annotations

import hashlib
import hmac

from hydra_vertex.job import CustomJob, HyperparameterTuningJob, Trial
from hydra_vertex.service.devices.slots import Slot
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.trials.launch_spec import (
    Host,
    LaunchSpec,
    Share,
    custom_job_launch_spec,
    trial_launch_spec,
)

from .parallelism import Parallelism


class Launches:
    """Builds launch specs from the folder, the host and a job.

    `secret` is the HMAC key of the token that a supervisor writes into the exit file; trials do not know it.
    """

    def __init__(self, folder: ServiceFolder, host: Host, parallelism: Parallelism, secret: str) -> None:
        self._folder = folder
        self._host = host
        self._parallelism = parallelism
        self._secret = secret.encode()

    def of_trial(self, job_id: str, job: HyperparameterTuningJob, trial: Trial, slot: Slot | None) -> LaunchSpec:
        """Return the launch spec of a trial. A slot of None is for a trial that is only concluded, not started."""
        folder = self._folder.trial(job_id, trial.id)
        base = self._folder.output_base(job_id, job.trial_job_spec.base_output_uri)
        token = self._token(job_id, trial.id)
        return trial_launch_spec(job, trial, folder, base, self._host, self._share(slot), token)

    def of_custom_job(self, job_id: str, job: CustomJob, slot: Slot | None) -> LaunchSpec:
        """Return the launch spec of a custom job. A slot of None is for a job that is only concluded, not started."""
        folder = self._folder.custom_job(job_id)
        base = self._folder.output_base(job_id, job.spec.base_output_uri)
        return custom_job_launch_spec(job_id, job, folder, base, self._host, self._share(slot), self._token(job_id, ""))

    def _share(self, slot: Slot | None) -> Share:
        return Share(slot.gpu if slot else None, self._parallelism.at_once)

    def _token(self, job_id: str, trial_id: str) -> str:
        return hmac.new(self._secret, f"{job_id}/{trial_id}".encode(), hashlib.sha256).hexdigest()
