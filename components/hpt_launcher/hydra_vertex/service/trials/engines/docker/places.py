"""Where a worker finds its folders: paths in the container, and the host's folders behind them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hydra_vertex.service.folder import GCS
from hydra_vertex.service.trials.engines.contract import Launch, Worker

GCS_MOUNT = "/gcs"
SHARED_MOUNT = "/hydra-vertex"
"""The folder that the workers of a launch share: metric file and fingerprints of secrets."""

METRICS_NAME, FINGERPRINTS_NAME = "metrics.jsonl", "fingerprints.json"
METRICS_PATH = f"{SHARED_MOUNT}/{METRICS_NAME}"
FINGERPRINTS_PATH = f"{SHARED_MOUNT}/{FINGERPRINTS_NAME}"
OWN_BUCKET = "hydra-vertex"
"""The bucket's name in the paths of a job without an output directory: gs://hydra-vertex/<job id>."""


@dataclass(frozen=True, slots=True)
class Output:
    """A job's output folder. `source` on the host is mounted at `target`; `base` is what AIP_* begin with.

    `is_own` is False for an absolute path that the user named.
    """

    source: Path
    target: str
    base: str
    is_own: bool


def output_of(launch: Launch) -> Output:
    """Return where a job's output folder is: a whole bucket below /gcs, as on Vertex AI, or an absolute path."""
    if not launch.output_uri:
        place = f"{OWN_BUCKET}/{launch.job_id}"
        return Output(launch.output_dir, f"{GCS_MOUNT}/{place}", f"{GCS}{place}", is_own=True)
    if not launch.output_uri.startswith(GCS):
        return Output(launch.output_dir, str(launch.output_dir), str(launch.output_dir), is_own=False)
    parts = PurePosixPath(launch.output_uri.removeprefix(GCS)).parts
    bucket = Path(*launch.output_dir.parts[: len(launch.output_dir.parts) - len(parts) + 1])
    if launch.output_dir.parts[-len(parts) :] != parts:
        return Output(launch.output_dir, f"{GCS_MOUNT}/{'/'.join(parts)}", launch.output_uri, is_own=True)
    return Output(bucket, f"{GCS_MOUNT}/{parts[0]}", launch.output_uri, is_own=True)


def output_folders(launch: Launch) -> tuple[Path, ...]:
    """Return the folders that exist before the start, as on Vertex AI: for models, checkpoints and logs."""
    base = launch.output_dir / launch.trial_id if launch.trial_id else launch.output_dir
    return (base / "model", base / "checkpoints", base / "logs")


def launch_folder(launch: Launch) -> Path:
    """Return the folder of what this engine keeps about a launch, beside the trial's log."""
    return launch.folder.path / "docker" / launch.id


def shared_folder(launch: Launch) -> Path:
    """Return the folder that is mounted at SHARED_MOUNT. All workers have it: rank 0 may be any of them."""
    return launch_folder(launch) / "shared"


def worker_name(worker: Worker) -> str:
    """Return `<pool>-<replica>`, which is unique in a launch."""
    return f"{worker.pool}-{worker.replica}"


def container_name(launch: Launch, worker: Worker) -> str:
    """Return the name of a worker's container, which is its host name on a network that the user created."""
    return f"{launch.id}-{worker_name(worker)}"


def worker_log(launch: Launch, worker: Worker) -> Path:
    """Return the file of a worker's log: the trial's log for the chief, as on this machine for the others."""
    is_chief = worker.place == launch.workers[0].place
    return (
        launch.folder.log if is_chief else launch.folder.path / "workers" / worker_name(worker) / launch.folder.log.name
    )


def identity_of(launch: Launch, output: Output) -> dict[str, str]:
    """Return the variables that identify the trial, with paths in the container."""
    return launch.identity(METRICS_PATH, output.base)
