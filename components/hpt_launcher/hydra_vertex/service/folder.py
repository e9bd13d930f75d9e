"""Where a service keeps what it has.

::

    service.db                                   the jobs and their trials (SQLite)
    service.lock  service.json                   who serves this folder, and at which URL
    jobs/<job>/trials/<trial>/log.txt            what the trial printed
    jobs/<job>/trials/<trial>/metrics.jsonl      what it measured
    jobs/<job>/trials/<trial>/exit.json          how its process ended
    jobs/<job>/trials/<trial>/command.json       which process its command is
    jobs/<job>/trials/<trial>/gpu.txt            which GPU it was given, where there are any
    jobs/<job>/output/<trial>/                   what it wrote, where the job names no other place
    jobs/<job>/run/                              the same of a custom job: log.txt, metrics.jsonl, exit.json
    gcs/<bucket>/                                what stands for gs://<bucket>/
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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
        """What the trial printed."""
        return self.path / "log.txt"

    @property
    def metric_file(self) -> Path:
        """What the trial measured."""
        return self.path / "metrics.jsonl"

    @property
    def exit_file(self) -> Path:
        """How the trial's process ended."""
        return self.path / "exit.json"

    @property
    def gpu_file(self) -> Path:
        """Which GPU the trial was given."""
        return self.path / "gpu.txt"

    def read_gpu(self) -> str | None:
        """Which GPU the trial was given; None when it was given none."""
        try:
            return read_end(self.gpu_file, GPU_NAME_BYTES).decode()
        except (OSError, ValueError):
            return None

    @property
    def command_file(self) -> Path:
        """Which process the trial's command is."""
        return self.path / "command.json"

    def clear(self) -> None:
        """Make the folder, without what an earlier start of the trial left in it. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        for file in (self.log, self.metric_file, self.exit_file, self.gpu_file, self.command_file):
            remove(file)


@dataclass(frozen=True, slots=True)
class ServiceFolder:
    """A service's folder. The path is absolute, because trials are told of it."""

    path: Path

    @property
    def database(self) -> Path:
        """The jobs and their trials."""
        return self.path / "service.db"

    @property
    def lock(self) -> Path:
        """Held while a service runs on this folder."""
        return self.path / "service.lock"

    @property
    def announcement(self) -> Path:
        """`{"pid", "url"}` of the service that listens, and `"grpc"` (`HOST:PORT`) where it serves that too."""
        return self.path / "service.json"

    @property
    def jobs(self) -> Path:
        """The folders of all jobs."""
        return self.path / "jobs"

    def job(self, job_id: str) -> Path:
        """Everything of one job."""
        return self.jobs / job_id

    def trial(self, job_id: str, trial_id: str) -> TrialFolder:
        """The folder of a trial."""
        return TrialFolder(self.job(job_id) / "trials" / trial_id)

    def custom_job(self, job_id: str) -> TrialFolder:
        """The folder of a custom job: what it printed and how it ended."""
        return TrialFolder(self.job(job_id) / "run")

    def output_base(self, job_id: str, uri: str, field: str = OUTPUT_FIELD) -> Path:
        """The folder of this machine that stands for a job's output URI; `field` is where the URI was given.

        Raises Refusal (INVALID_ARGUMENT) on anything but a gs:// URI or an absolute path, and on one with `..` in it.
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
        return self.path / "gcs" / place if is_bucket else Path(place)
