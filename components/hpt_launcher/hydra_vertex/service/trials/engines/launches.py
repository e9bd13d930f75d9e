"""Builds the launch of a trial or custom job for an engine: its workers, with the trial's parameters. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra_vertex.job import ContainerSpec, CustomJob, HyperparameterTuningJob, Trial, TrialJobSpec
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.launch_spec import (
    DEFAULT_TIMEOUT_S,
    TERMINATION_GRACE_S,
    parameter_arguments,
    timeout_s,
)

from .contract import Launch, Worker


def trial_launch(
    service_id: str,
    job: HyperparameterTuningJob,
    trial: Trial,
    folder: TrialFolder,
    output_dir: Path,
) -> Launch:
    """Return the launch of a trial. Every worker gets the trial's parameters, at the end of its arguments."""
    job_id = job.name.rsplit("/", 1)[-1]
    spec = job.trial_job_spec
    return Launch(
        id=launch_prefix(service_id, job_id, trial.id),
        job_id=job_id,
        trial_id=trial.id,
        workers=tuple(_workers(spec, parameter_arguments(job, trial))),
        folder=folder,
        output_uri=spec.base_output_uri,
        output_dir=output_dir,
        timeout_s=timeout_s(job),
        grace_s=TERMINATION_GRACE_S,
        labels=job.labels,
    )


def custom_job_launch(service_id: str, job_id: str, job: CustomJob, folder: TrialFolder, output_dir: Path) -> Launch:
    """Return the launch of a custom job."""
    return Launch(
        id=launch_prefix(service_id, job_id),
        job_id=job_id,
        trial_id="",
        workers=tuple(_workers(job.spec, ())),
        folder=folder,
        output_uri=job.spec.base_output_uri,
        output_dir=output_dir,
        timeout_s=job.spec.timeout_s or DEFAULT_TIMEOUT_S,
        grace_s=TERMINATION_GRACE_S,
        labels=job.labels,
    )


def launch_prefix(service_id: str, job_id: str, trial_id: str = "") -> str:
    """Return the id of the launches of a trial, or of a custom job, without the number of the attempt."""
    return "-".join(filter(None, ("hv", service_id, job_id, trial_id)))


def worker_count(spec: TrialJobSpec) -> int:
    """Return the number of workers of a job: the replicas of its pools."""
    return sum(pool.replica_count for pool in spec.worker_pools if pool.container is not None)


def _workers(spec: TrialJobSpec, parameters: Sequence[str]) -> Iterator[Worker]:
    for number, pool in enumerate(spec.worker_pools):
        container = pool.container
        if container is None and number > 0:
            continue  # In the API, an empty pool means that this pool is not used.
        container = container or ContainerSpec()
        for replica in range(pool.replica_count):
            yield Worker(
                pool=number,
                replica=replica,
                image=container.image_uri,
                command=container.command,
                args=(*container.args, *parameters),
                environ=container.env,
                machine=pool.machine,
            )
