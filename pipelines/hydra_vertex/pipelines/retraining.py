"""The retraining as a Vertex AI CustomJob, with the machine options that a pipeline's own task cannot have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra_vertex.job.fields import format_duration
from hydra_vertex.launcher.machine_table import TABLE_DATE, WITH_ACCELERATORS
from hydra_vertex.protocol.errors import UserError

from .machine_pairs import machine_problem
from .trial_settings import PROVISIONING, STRATEGIES, Disk, TrialSettings, require_forms

TASK, CUSTOM_JOB = "task", "custom-job"
RETRAIN_AS = (TASK, CUSTOM_JOB)
"""A task of the pipeline also runs on any Kubeflow cluster, and needs no further package, so it is the default."""

DEFAULT_MACHINE = "n1-standard-4"
DEFAULT_DISK = Disk("pd-ssd", 100)
DEFAULT_TIMEOUT_S = 7 * 24 * 3600.0
DEFAULT_MAX_WAIT_S = 24 * 3600.0
"""The defaults of `create_custom_training_job_from_component`."""


@dataclass(frozen=True, slots=True)
class RetrainJob:
    """The CustomJob of the retraining. Empty leaves a field to Vertex AI; `strategy` is a name of STRATEGIES.

    `max_wait_s` 0 waits without a limit, and None for DEFAULT_MAX_WAIT_S.
    """

    machine_type: str = DEFAULT_MACHINE
    accelerator: str = ""
    accelerator_count: int = 1
    disk: Disk = DEFAULT_DISK
    strategy: str = "standard"
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_wait_s: float | None = None
    restarts_job: bool = False
    persistent_resource: str = ""
    service_account: str = ""
    network: str = ""
    encryption_key: str = ""
    tensorboard: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def require_retrain_job(job: RetrainJob, *, is_checked: bool = True) -> None:
    """Check the settings before anything is compiled. Raises UserError. `is_checked` False accepts any machine."""
    require_forms(
        TrialSettings(
            network=job.network,
            encryption_key=job.encryption_key,
            tensorboard=job.tensorboard,
            persistent_resource=job.persistent_resource,
            account=job.service_account,
        )
    )
    if job.tensorboard and not job.service_account:
        raise UserError(f"--tensorboard {job.tensorboard}: needs --service-account, which writes to it")
    if job.max_wait_s is not None and job.strategy != "flex-start":
        raise UserError(f"--max-wait {job.max_wait_s:g}: only --strategy flex-start waits for a machine")
    if job.persistent_resource and STRATEGIES[job.strategy] in PROVISIONING:
        raise UserError(
            f"--strategy {job.strategy}: --persistent-resource {job.persistent_resource} has machines that exist, so "
            "no others are provisioned; leave one of the two out"
        )
    if not job.accelerator and job.accelerator_count not in {1, _accelerators(job)[1]}:
        raise UserError(f"--accelerator-count {job.accelerator_count}: name the accelerator too, with --accelerator")
    problem = machine_problem(job.machine_type, job.accelerator, job.accelerator_count if job.accelerator else 0)
    if problem and is_checked:
        raise UserError(
            f"--machine-type {job.machine_type}: {problem} (known in {TABLE_DATE}; --no-machine-check passes a newer "
            "machine)"
        )


def as_custom_job(component: Any, job: RetrainJob) -> Any:
    """Return the component with the same inputs and outputs that runs as a CustomJob.

    Raises UserError when google-cloud-pipeline-components is not installed.
    """
    try:
        from google_cloud_pipeline_components.v1.custom_job import create_custom_training_job_from_component
    except ImportError as error:
        raise UserError(
            "--retrain-as custom-job: needs google-cloud-pipeline-components, which needs google-cloud-aiplatform "
            "below 2: pip install 'hydra-vertex[all,google-components]'. Or leave the option out, for a "
            "retraining that is a task of the pipeline"
        ) from error
    accelerator, count = _accelerators(job)
    optional = {"persistent_resource_id": job.persistent_resource} if job.persistent_resource else {}
    return create_custom_training_job_from_component(
        component,
        display_name="retrain",
        machine_type=job.machine_type,
        accelerator_type=accelerator,
        accelerator_count=count,
        boot_disk_type=job.disk.type or DEFAULT_DISK.type,
        boot_disk_size_gb=job.disk.size_gb,
        timeout=format_duration(job.timeout_s),
        restart_job_on_worker_restart=job.restarts_job,
        strategy=STRATEGIES[job.strategy],
        max_wait_duration=format_duration(DEFAULT_MAX_WAIT_S if job.max_wait_s is None else job.max_wait_s),
        service_account=job.service_account,
        network=job.network,
        encryption_spec_key_name=job.encryption_key,
        tensorboard=job.tensorboard,
        # Vertex AI puts the logs of a TensorBoard below this folder.
        base_output_directory="{{$.pipeline_root}}" if job.tensorboard else "",
        labels=dict(job.labels),
        **optional,
    )


def _accelerators(job: RetrainJob) -> tuple[str, int]:
    """Return the accelerators of the machine: those of the options, or the built-in ones of the type."""
    if job.accelerator:
        return job.accelerator, job.accelerator_count
    own, count, *_ = WITH_ACCELERATORS.get(job.machine_type, ("", 1))
    return own, count
