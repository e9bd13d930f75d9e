"""The layout of a service's folder.

::

    service.db                                   the jobs and their trials (SQLite)
    service.lock  service.json                   the process that serves this folder, and its URL
    service.token                                the token of that process
    service.engine.json                          the engine of the unfinished jobs (trials.engines)
    service.earlier-<digest>.json                the earlier studies of a job (job.earlier_studies)
    jobs/<job>/trials/<trial>/log.txt            the trial's stdout and stderr
    jobs/<job>/trials/<trial>/metrics.jsonl      the trial's measurements
    jobs/<job>/trials/<trial>/exit.json          the exit status of the trial's process
    jobs/<job>/trials/<trial>/command.json       the process of the trial's command
    jobs/<job>/trials/<trial>/fingerprints.json  salted hashes of the secrets that it has read, if any
    jobs/<job>/trials/<trial>/gpu.txt            the GPU assigned to the trial, if any
    jobs/<job>/trials/<trial>/machines.json      CPU, memory and GPU of the trial over time
    jobs/<job>/trials/<trial>/launch.json        the record of its launches, when an engine runs it
    jobs/<job>/output/<trial>/                   the trial's output, when the job specifies no output directory
    jobs/<job>/run/                              the same files of a custom job: log.txt, metrics.jsonl, exit.json
    jobs/<job>/run/                              those of a pipeline job: log.txt, exit.json, order.json, tasks.json
    gcs/<bucket>/                                the local folder used for gs://<bucket>/
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hydra_vertex.job.machine_use import MACHINES_FILE
from hydra_vertex.protocol.service_token import TOKEN_FILE
from hydra_vertex.service.system.untrusted_files import read_end, remove

from .status import Refusal, Status

GCS = "gs://"
GPU_NAME_BYTES = 1 << 10
OUTPUT_FIELD = "trialJobSpec.baseOutputDirectory.outputUriPrefix"


@dataclass(frozen=True, slots=True)
class TrialFolder:
    """The folder of one trial."""

    path: Path

    @property
    def log(self) -> Path:
        """The trial's stdout and stderr."""
        return self.path / "log.txt"

    @property
    def metric_file(self) -> Path:
        """The trial's measurements."""
        return self.path / "metrics.jsonl"

    @property
    def exit_file(self) -> Path:
        """The exit status of the trial's process."""
        return self.path / "exit.json"

    @property
    def fingerprint_file(self) -> Path:
        """The fingerprints of the secrets that the trial has read from Secret Manager, if any."""
        return self.path / "fingerprints.json"

    @property
    def gpu_file(self) -> Path:
        """The name of the GPU assigned to the trial."""
        return self.path / "gpu.txt"

    def read_gpu(self) -> str | None:
        """Read the name of the GPU assigned to the trial; None when there is none or the file cannot be read."""
        try:
            return read_end(self.gpu_file, GPU_NAME_BYTES).decode()
        except (OSError, ValueError):
            return None

    @property
    def launch_file(self) -> Path:
        """The record of the trial's launches by an engine (`service.trials.engines`); `clear` keeps it."""
        return self.path / "launch.json"

    @property
    def machines_file(self) -> Path:
        """The use of the machines of the trial over time (`service.machines`)."""
        return self.path / MACHINES_FILE

    @property
    def command_file(self) -> Path:
        """The process of the trial's command."""
        return self.path / "command.json"

    def clear(self) -> None:
        """Create the folder, and remove the files of an earlier start of the trial. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        files = (self.log, self.metric_file, self.exit_file, self.gpu_file, self.command_file, self.fingerprint_file)
        for file in (*files, self.machines_file):
            remove(file)


@dataclass(frozen=True, slots=True)
class ServiceFolder:
    """A service's folder. The path is absolute, because trials receive it and run in other working directories."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite database of the jobs and their trials."""
        return self.path / "service.db"

    @property
    def lock(self) -> Path:
        """The lock file, locked while a service runs on this folder."""
        return self.path / "service.lock"

    @property
    def announcement(self) -> Path:
        """The file with `{"pid", "url"}` of the running service, and `"grpc"` (`HOST:PORT`) when it serves gRPC."""
        return self.path / "service.json"

    @property
    def token(self) -> Path:
        """The file with the token of the running service."""
        return self.path / TOKEN_FILE

    @property
    def engine(self) -> Path:
        """The engine with which the unfinished jobs were started."""
        return self.path / "service.engine.json"

    @property
    def buckets(self) -> Path:
        """The folder of the local folders of buckets."""
        return self.path / "gcs"

    @property
    def jobs(self) -> Path:
        """The folders of all jobs."""
        return self.path / "jobs"

    def job(self, job_id: str) -> Path:
        """The folder of a job."""
        return self.jobs / job_id

    def trials(self, job_id: str) -> Path:
        """The folders of a job's trials."""
        return self.job(job_id) / "trials"

    def trial(self, job_id: str, trial_id: str) -> TrialFolder:
        """The folder of a trial."""
        return TrialFolder(self.trials(job_id) / trial_id)

    def custom_job(self, job_id: str) -> TrialFolder:
        """The folder of a custom job, with its log and its exit status."""
        return TrialFolder(self.job(job_id) / "run")

    def output_base(self, job_id: str, uri: str, field: str = OUTPUT_FIELD) -> Path:
        """Return the local folder for a job's output URI; the job's own folder when `uri` is empty.

        `field` is the path of the field that contains the URI. Raises Refusal (INVALID_ARGUMENT) unless `uri` is empty,
        a gs:// URI or an absolute path, and when it contains `..`.
        """
        if not uri:
            return self.job(job_id) / "output"
        is_bucket = uri.startswith(GCS)
        place = PurePosixPath(uri.removeprefix(GCS))
        if not place.parts or ".." in place.parts or "\0" in uri or place.is_absolute() is is_bucket:
            raise Refusal(
                Status.INVALID_ARGUMENT,
                f"{field}: expected gs://bucket/folder or an absolute path without '..', got {uri!r}",
                field,
            )
        return self.buckets / place if is_bucket else Path(place)
