"""What a trial's process is started with: its arguments, its environment, its limits. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.job import (
    ContainerSpec,
    CustomJob,
    HyperparameterTuningJob,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    Trial,
)
from hydra_vertex.protocol import json
from hydra_vertex.protocol.command import parameter_argument
from hydra_vertex.protocol.environment import TRIAL_ID, OutputDirs, TrialEnvironment
from hydra_vertex.service.devices.environ import gpu_environ, thread_environ
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES, ResourceOptions
from hydra_vertex.service.folder import TrialFolder

from .env_references import expanded

DEFAULT_TIMEOUT_S = 7 * 24 * 3600.0
"""Vertex AI's own limit where a job names none."""

TERMINATION_GRACE_S = 5.0
LOG_LIMIT_BYTES = 64 << 20
_UNBUFFERED = "PYTHONUNBUFFERED"
FOREIGN_PREFIXES = ("CLOUD_ML_", "AIP_")
"""Variables that tell a trial who it is: never those of the service, which may run inside a trial or a training job."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One start of one trial.

    `command` is an argument list, `environ` is complete, `gpu` None means no GPU's place. `token` is what the
    supervisor writes into its report, and the trial is not told.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]
    folder: TrialFolder
    output_dirs: OutputDirs
    timeout_s: float
    token: str
    gpu: str | None = None
    memory_limit_bytes: int | None = None
    nice: int = 0
    open_files: int | None = None

    def to_order(self) -> bytes:
        """The order that the supervisor reads (`supervisor.order.LaunchOrder`)."""
        fields: dict[str, json.Json] = {
            "command": list(self.command),
            "directory": str(self.folder.path),
            "timeout_s": self.timeout_s,
            "grace_s": TERMINATION_GRACE_S,
            "log_limit_bytes": LOG_LIMIT_BYTES,
            "token": self.token,
            "memory_limit_bytes": self.memory_limit_bytes,
            "nice": self.nice,
            "open_files": self.open_files,
        }
        return json.dumps(fields).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Host:
    """What trials share of this machine: the service's environment, the programs beside its Python, its CPUs.

    `resources` is what its user lets them have of it. `open_files` is the soft limit of open files that the service was
    started with, and trials get; None leaves theirs.
    """

    environ: Mapping[str, str]
    programs: Path
    cpu_count: int
    resources: ResourceOptions = DEFAULT_RESOURCES
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What one trial gets of the machine: a GPU (None: no place on one), and its part of the CPUs."""

    gpu: str | None
    trials_at_once: int


def trial_launch_spec(
    job: HyperparameterTuningJob,
    trial: Trial,
    folder: TrialFolder,
    output_base: Path,
    host: Host,
    share: Share,
    token: str,
) -> LaunchSpec:
    """What a trial is started with: the container's command, and the trial's parameters behind it."""
    container = job.trial_job_spec.worker_pools[0].container or ContainerSpec()
    output_dirs = OutputDirs.below(str(output_base), trial.id)
    job_id = job.name.rsplit("/", 1)[-1]
    identity = TrialEnvironment(trial.id, str(folder.metric_file), job_id, output_dirs)
    return LaunchSpec(
        command=(*container.command, *container.args, *parameter_arguments(job, trial)),
        environ=trial_environ(container.env, identity, share, host),
        folder=folder,
        output_dirs=output_dirs,
        timeout_s=timeout_s(job),
        token=token,
        gpu=share.gpu,
        memory_limit_bytes=host.resources.memory_bytes,
        nice=host.resources.nice,
        open_files=host.open_files,
    )


def custom_job_launch_spec(
    job_id: str, job: CustomJob, folder: TrialFolder, output_base: Path, host: Host, share: Share, token: str
) -> LaunchSpec:
    """What a custom job is started with: the container's command, and no trial's identity."""
    container = job.spec.worker_pools[0].container or ContainerSpec()
    base = str(output_base).rstrip("/")
    output_dirs = OutputDirs(f"{base}/model/", f"{base}/checkpoints/", f"{base}/logs/")
    identity = TrialEnvironment("", str(folder.metric_file), job_id, output_dirs)
    environ = trial_environ(container.env, identity, share, host)
    return LaunchSpec(
        command=(*container.command, *container.args),
        environ={name: value for name, value in environ.items() if name != TRIAL_ID},
        folder=folder,
        output_dirs=output_dirs,
        timeout_s=job.spec.timeout_s or DEFAULT_TIMEOUT_S,
        token=token,
        gpu=share.gpu,
        memory_limit_bytes=host.resources.memory_bytes,
        nice=host.resources.nice,
        open_files=host.open_files,
    )


def timeout_s(job: HyperparameterTuningJob) -> float:
    """How long a trial of the job may run, in seconds."""
    return job.trial_job_spec.timeout_s or DEFAULT_TIMEOUT_S


def parameter_arguments(job: HyperparameterTuningJob, trial: Trial) -> tuple[str, ...]:
    """A trial's parameters as Vertex AI appends them, in the study's order; a conditional one follows its parent."""
    return tuple(_arguments(job.study_spec.parameters, trial.parameters))


def _arguments(specs: Iterable[ParameterSpec], values: Mapping[str, ParameterValue]) -> Iterator[str]:
    for spec in specs:
        # Only a conditional parameter can be missing: where it does not apply, the app is not given it.
        if spec.id in values:
            yield parameter_argument(spec.id, _container_value(spec, values[spec.id]))
            yield from _arguments((child.spec for child in spec.children), values)


def trial_environ(given: Mapping[str, str], environment: TrialEnvironment, share: Share, host: Host) -> dict[str, str]:
    """A trial's whole environment: the service's, its GPU over it, then the job's, the trial's own over all.

    The trials share the CPUs: a maths library that takes all of them for each trial makes all of them slower. Python
    writes what a trial prints at once, so that the log of one that is ended tells how far it came.
    """
    resources = host.resources
    own = environment.to_environ()
    given = expanded(given, own)
    inherited = {name: value for name, value in host.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    on_gpu = gpu_environ(share.gpu, resources.trials_per_gpu or 1, resources.gpu_memory_bytes)
    asked = {**inherited, **on_gpu, **given}
    threads = thread_environ(max(1, host.cpu_count // share.trials_at_once), asked)
    merged = {_UNBUFFERED: "1", **threads, **asked, **own}
    path = merged.get("PATH", os.defpath)
    return {**merged, "PATH": f"{host.programs}{os.pathsep}{path}"}


def _container_value(spec: ParameterSpec, value: ParameterValue) -> ParameterValue | int:
    # The API holds every number as a double; only an integer parameter reaches the container as a whole number.
    return int(value) if isinstance(spec.domain, IntegerRange) else value
