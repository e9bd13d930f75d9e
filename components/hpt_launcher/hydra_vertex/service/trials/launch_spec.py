"""Builds the arguments, environment and limits with which a trial's process is started. Pure."""

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
from hydra_vertex.job.env_references import expanded
from hydra_vertex.protocol import json
from hydra_vertex.protocol.command import PROGRAM, parameter_argument
from hydra_vertex.protocol.environment import METRIC_FILE, TRIAL_ID, OutputDirs, TrialEnvironment
from hydra_vertex.protocol.private_files import UNCHANGED
from hydra_vertex.protocol.secret_fingerprints import FINGERPRINTS
from hydra_vertex.protocol.secret_references import KEPT, reference_names
from hydra_vertex.service.devices.environ import gpu_environ, thread_environ
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES, ResourceOptions
from hydra_vertex.service.folder import TrialFolder

DEFAULT_TIMEOUT_S = 7 * 24 * 3600.0
"""Vertex AI's default for a job without a timeout."""

TERMINATION_GRACE_S = 5.0
LOG_LIMIT_BYTES = 64 << 20
UNBUFFERED = "PYTHONUNBUFFERED"
FOREIGN_PREFIXES = ("CLOUD_ML_", "AIP_")
"""Variables that identify a trial. The service's own are not passed on: it may itself run inside a training job."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One start of one trial.

    `command` is an argument list, `environ` the complete environment; `gpu` is None for a slot without a GPU, and
    `shares_gpu` says that other trials may have the same one. The supervisor writes `token` into exit.json; the trial
    does not get it. `output_dirs` None means no output folders. `marker` is the variable of the environment whose value
    only the processes of this start have.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]
    folder: TrialFolder
    output_dirs: OutputDirs | None
    timeout_s: float
    token: str
    gpu: str | None = None
    shares_gpu: bool = False
    memory_limit_bytes: int | None = None
    nice: int = 0
    open_files: int | None = None
    marker: str = METRIC_FILE
    umask: int = UNCHANGED

    def to_order(self) -> bytes:
        """Return the JSON that the supervisor reads (`supervisor.order.LaunchOrder`)."""
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
            "umask": self.umask,
        }
        return json.dumps(fields).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Host:
    """What all trials have in common: the service's environment, the folder of its programs, the number of its CPUs.

    `resources` are the limits set by the user. `open_files` is the soft limit of open files of trials, the one that the
    service was started with; None means that they inherit the service's current limit. `umask` is that of trials.
    """

    environ: Mapping[str, str]
    programs: Path
    cpu_count: int
    resources: ResourceOptions = DEFAULT_RESOURCES
    open_files: int | None = None
    umask: int = UNCHANGED


@dataclass(frozen=True, slots=True)
class Share:
    """The resources of one trial: a GPU (None: no GPU), and 1/`trials_at_once` of the CPUs."""

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
    """Return the start of a trial: the container's command followed by the trial's parameters."""
    container = job.trial_job_spec.worker_pools[0].container or ContainerSpec()
    output_dirs = OutputDirs.below(str(output_base), trial.id)
    job_id = job.name.rsplit("/", 1)[-1]
    identity = TrialEnvironment(trial.id, str(folder.metric_file), job_id, output_dirs)
    return LaunchSpec(
        command=local_command((*container.command, *container.args, *parameter_arguments(job, trial)), host.programs),
        environ=trial_environ(container.env, identity, share, host),
        folder=folder,
        output_dirs=output_dirs,
        timeout_s=timeout_s(job),
        token=token,
        gpu=share.gpu,
        shares_gpu=(host.resources.trials_per_gpu or 1) > 1,
        memory_limit_bytes=host.resources.memory_bytes,
        nice=host.resources.nice,
        open_files=host.open_files,
        umask=host.umask,
    )


def custom_job_launch_spec(
    job_id: str, job: CustomJob, folder: TrialFolder, output_base: Path, host: Host, share: Share, token: str
) -> LaunchSpec:
    """Return the start of a custom job: the container's command, and an environment without a trial id."""
    container = job.spec.worker_pools[0].container or ContainerSpec()
    base = str(output_base).rstrip("/")
    output_dirs = OutputDirs(f"{base}/model/", f"{base}/checkpoints/", f"{base}/logs/")
    identity = TrialEnvironment("", str(folder.metric_file), job_id, output_dirs)
    environ = trial_environ(container.env, identity, share, host)
    return LaunchSpec(
        command=local_command((*container.command, *container.args), host.programs),
        environ={name: value for name, value in environ.items() if name != TRIAL_ID},
        folder=folder,
        output_dirs=output_dirs,
        timeout_s=job.spec.timeout_s or DEFAULT_TIMEOUT_S,
        token=token,
        gpu=share.gpu,
        shares_gpu=(host.resources.trials_per_gpu or 1) > 1,
        memory_limit_bytes=host.resources.memory_bytes,
        nice=host.resources.nice,
        open_files=host.open_files,
        umask=host.umask,
    )


def timeout_s(job: HyperparameterTuningJob) -> float:
    """Return how long a trial of the job may run, in seconds."""
    return job.trial_job_spec.timeout_s or DEFAULT_TIMEOUT_S


def parameter_arguments(job: HyperparameterTuningJob, trial: Trial) -> tuple[str, ...]:
    """Return the parameters as Vertex AI appends them: in the study's order, conditional ones after their parent."""
    return tuple(_arguments(job.study_spec.parameters, trial.parameters))


def _arguments(specs: Iterable[ParameterSpec], values: Mapping[str, ParameterValue]) -> Iterator[str]:
    for spec in specs:
        # Only a conditional parameter can be missing, when its condition does not hold.
        if spec.id in values:
            yield parameter_argument(spec.id, _container_value(spec, values[spec.id]))
            yield from _arguments((child.spec for child in spec.children), values)


def local_command(command: tuple[str, ...], programs: Path) -> tuple[str, ...]:
    """Return the command with this installation's `hydra-trial`, which the PATH of a trial need not have.

    The other programs of the command are those that PATH has: an app's `python` is the one of the user's shell.
    """
    for form in ((PROGRAM,), *((python, "-m", "hydra_vertex.trial") for python in ("python", "python3"))):
        if command[: len(form)] == form:
            return (str(programs / PROGRAM), *command[len(form) :])
    return command


def trial_environ(given: Mapping[str, str], environment: TrialEnvironment, share: Share, host: Host) -> dict[str, str]:
    """Return a trial's complete environment. Later ones override: the service's, the GPU's, the job's, the trial's.

    Thread counts are limited because trials share the CPUs: a library that starts a thread per CPU in each trial slows
    down all trials. Python's output is unbuffered, so that the log of a killed trial is complete. The folder of this
    installation's programs is the last of PATH.
    """
    resources = host.resources
    own = environment.to_environ()
    given = expanded(given, own)
    foreign = (*FOREIGN_PREFIXES, KEPT)
    inherited = {name: value for name, value in host.environ.items() if not name.startswith(foreign)}
    # On Vertex AI, a trial has no variables of the user's shell: hydra-trial must leave these as they are.
    kept = ",".join(name for name in reference_names(inherited) if name not in given)
    secrets = {KEPT: kept} if kept else {}
    if any(reference_names(given)):
        secrets[FINGERPRINTS] = str(TrialFolder(Path(environment.metric_file).parent).fingerprint_file)
    on_gpu = gpu_environ(share.gpu, resources.trials_per_gpu or 1, resources.gpu_memory_bytes)
    requested = {**inherited, **on_gpu, **given}
    threads = thread_environ(max(1, host.cpu_count // share.trials_at_once), requested)
    merged = {UNBUFFERED: "1", **threads, **requested, **own, **secrets}
    path = merged.get("PATH", os.defpath)
    return {**merged, "PATH": f"{path}{os.pathsep}{host.programs}"}


def _container_value(spec: ParameterSpec, value: ParameterValue) -> ParameterValue | int:
    # The API stores every number as a double; only integer parameters are passed to the container as integers.
    return int(value) if isinstance(spec.domain, IntegerRange) else value
