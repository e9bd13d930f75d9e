"""The contract between the run of a trial and the engine that runs its worker pools: five verbs and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from hydra_vertex.protocol.environment import TRIAL_ID, OutputDirs, TrialEnvironment
from hydra_vertex.protocol.errors import ServiceError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.machines.reading import WorkerReading
from hydra_vertex.service.trials.exit_status import ExitStatus

ID_CHARACTERS = 40
"""Maximum length of a launch's id: a DNS-1123 label of Kubernetes with room for a suffix of each worker."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One replica of one worker pool: worker 0 of pool 0 is the chief, which reports the trial's measurements.

    `args` already contain the trial's parameters; nothing in `command` and `args` is expanded. `environ` has the
    container's own variables only, and `$(NAME)` in a value is resolved as by `job.env_references.expanded`. An engine
    adds the trial's identity and paths (`Launch.identity`), and for several workers `cluster_environ`, because it knows
    their hosts. `machine` is the pool's machineSpec, as the API has it; the machine type
    "local" means none, and so does the image "local".
    """

    pool: int
    replica: int
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    machine: JsonObject = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, int]:
        """The pool and the replica, which identify the worker in its launch."""
        return self.pool, self.replica


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch of one trial or custom job.

    `id` is unique for ever, and known before the launch: a DNS-1123 label of at most ID_CHARACTERS. `trial_id` is empty
    for a custom job. `folder` is the trial's folder on the service's machine. `output_uri` is the job's
    baseOutputDirectory (`gs://bucket/folder`, an absolute path, or empty), `output_dir` its local folder.
    `timeout_s` limits the time from the start of the workers; `grace_s` passes between SIGTERM and SIGKILL.
    """

    id: str
    job_id: str
    trial_id: str
    workers: tuple[Worker, ...]
    folder: TrialFolder
    output_uri: str
    output_dir: Path
    timeout_s: float
    grace_s: float
    labels: Mapping[str, str] = field(default_factory=dict)

    def identity(self, metric_file: str, output_base: str) -> dict[str, str]:
        """Return the variables that identify the trial, with the paths that its workers see.

        `output_base` is the job's output folder or URI: a trial's own folder is `<output_base>/<trial id>/`.
        """
        base = output_base.rstrip("/")
        custom = OutputDirs(f"{base}/model/", f"{base}/checkpoints/", f"{base}/logs/")
        dirs = OutputDirs.below(base, self.trial_id) if self.trial_id else custom
        variables = TrialEnvironment(self.trial_id, metric_file, self.job_id, dirs).to_environ()
        return {name: value for name, value in variables.items() if self.trial_id or name != TRIAL_ID}


class Interruption(Enum):
    """Why workers ended through no fault of the trial. The value completes the sentence "the trial was ...".

    The trial runs again.
    """

    PREEMPTED = "pre-empted"
    NODE_LOST = "lost with its node"
    EVICTED = "evicted from its node"
    REMOVED = "removed by another client of the cluster"


@dataclass(frozen=True, slots=True)
class Queued:
    """The workers wait for machines. `detail` is what the engine says about that; it may be empty."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """All workers run, since `started`. `place` names their machines; it may be empty."""

    started: datetime
    place: str = ""


@dataclass(frozen=True, slots=True)
class Exited:
    """The trial ended by itself, by its limits or by a request to end. No worker runs any more.

    Of several workers, `exit_status` is the first unsuccessful one, or the chief's.
    """

    exit_status: ExitStatus


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The workers ended through no fault of the trial. No worker runs any more. `detail` is what the engine says."""

    cause: Interruption
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine will never run the workers: quota, image, a resource that no node has. `detail` is what it says."""

    detail: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The engine does not know the id: the launch was not received, or everything of it was removed."""


State: TypeAlias = Queued | Running | Exited | Interrupted | Refused | Missing


class RefusedError(ServiceError):
    """The engine refuses a launch for good. The message is what it says."""


class UnavailableError(ServiceError):
    """The engine does not answer now, or not in time. The call can be repeated. The message says why."""


class WorkerEngine(Protocol):
    """An engine. Its methods block; they are called in threads: for one id one at a time, for several ids at once.

    Each raises UnavailableError when the engine does not answer, within a limit of about 30 s, and may raise OSError
    for the files of the trial; both mean that the call is to be repeated.
    """

    @property
    def name(self) -> str:
        """The word of `--engine`."""

    def launch(self, launch: Launch) -> None:
        """Start the workers, or queue them. A launch whose id the engine knows is not started again.

        Returns when the engine has accepted the launch. Raises RefusedError.
        """

    def observe(self, launch: Launch) -> State:
        """Return the state of the workers now."""

    def fetch(self, launch: Launch) -> None:
        """Bring the chief's log and metric file to the trial's folder (`log`, `metric_file`), as far as they are now.

        Called repeatedly while the workers run, and once after their end; then nothing that they wrote is missing.
        Does nothing for an engine that shares the folder with its workers.
        """

    def end(self, launch: Launch) -> None:
        """Request the end of the workers: SIGTERM, and SIGKILL after `grace_s`. Workers in a queue leave it.

        Returns at once; `observe` then returns Exited with `stopped`, or Missing for workers that never started.
        """

    def remove(self, launch: Launch) -> None:
        """Remove everything of a launch from the engine, after its end was recorded. Kills what still runs.

        A launch that an earlier service left behind has an id of `known_ids`, no workers and no folder.
        """

    def known_ids(self) -> frozenset[str]:
        """Return the ids of this service's launches that the engine still knows."""


@runtime_checkable
class HasAddress(Protocol):
    """An engine that is one of several of its kind: the ids of its launches are unknown to the others."""

    def address(self) -> dict[str, str]:
        """Return what identifies it, by the names of settings where there are such. Raises UnavailableError."""


@runtime_checkable
class MeasuresWorkers(Protocol):
    """An engine that knows what its workers use."""

    def measure(self, launch: Launch) -> Sequence[WorkerReading]:
        """Return what the workers of a launch use now; nothing while none runs.

        Raises NotMeasuredError when it cannot be known here, UnavailableError when the engine does not answer.
        """


@runtime_checkable
class SharesFolder(Protocol):
    """An engine whose workers use the service's folder under its own path."""

    def check_folder(self, folder: Path) -> None:
        """Raise UserError when the engine's machines may not see the folder. Called before anything starts."""
