"""The files between the service and the program that runs one pipeline job: its order, its tasks, its cancellation.

The program is a module that the service does not import: `python -m MODULE ORDER`. ORDER is a JSON file with

    job            the name of the pipeline job
    spec           the PipelineSpec
    arguments      the pipeline's arguments by name
    root           the local folder in which the pipeline's folder is created
    folder         the name of that folder, which no other pipeline job of the service has
    announcement   the file with the service's URL (`service.announcement`)
    tasks          the file in which the program keeps the PipelineTaskDetails of the pipeline, a JSON array
    cancel         a file that exists when the pipeline is cancelled; SIGTERM without it means that the service stops

The program exits with 0 when the pipeline has succeeded. A program that is started again after the service stopped gets
the same order, so steps that have a record of their work can go on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hydra_vertex.job.pipeline_job import PipelineJob, PipelineTask, parse_task
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.secret_fingerprints import FINGERPRINTS
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE
from hydra_vertex.service.folder import ServiceFolder, TrialFolder
from hydra_vertex.service.system.untrusted_files import read_end
from hydra_vertex.service.trials.launch_spec import FOREIGN_PREFIXES, UNBUFFERED, Host, LaunchSpec

NO_PROGRAM = "this service runs no pipelines; `hydra-vertex serve` starts one that does"
TASKS_LIMIT_BYTES = 4 << 20
MARKER = "HYDRA_VERTEX_PIPELINE_JOB"
"""Variable of the processes of a pipeline, by which the processes that a killed program leaves behind are found."""
TIMEOUT_S = 365 * 24 * 3600.0
"""Vertex AI has no time limit for a pipeline; a supervisor needs one."""


class PipelineFolder:
    """The files of one pipeline job."""

    def __init__(self, folder: TrialFolder) -> None:
        self.trial = folder
        self.order = folder.path / "order.json"
        self.tasks = folder.path / "tasks.json"
        self.cancel = folder.path / "cancel"

    def write_order(self, number: str, job: PipelineJob, service: ServiceFolder) -> None:
        """Write the order of a pipeline job, which has this number. Raises OSError."""
        self.trial.path.mkdir(parents=True, exist_ok=True)
        order: dict[str, json.Json] = {
            "job": job.name,
            "spec": job.spec,
            "arguments": job.runtime_config.arguments,
            "root": str(pipeline_root(job, service)),
            # A job of the same id, in another location or deleted before, may have the same root: a tuning step that
            # found the record of that job's step would go on with its study.
            "folder": f"{job.name.rpartition('/')[2]}-{number}",
            "announcement": str(service.announcement),
            "tasks": str(self.tasks),
            "cancel": str(self.cancel),
        }
        write_atomic(self.order, json.dumps(order))

    def read_tasks(self) -> tuple[PipelineTask, ...] | None:
        """Return the tasks as the program last reported them; None when it has not, or the file cannot be read."""
        try:
            found = json.loads(read_end(self.tasks, TASKS_LIMIT_BYTES))
            return tuple(parse_task(item, "") for item in found) if isinstance(found, list) else None
        except (OSError, ValueError, DocumentError):
            return None


def pipeline_root(job: PipelineJob, service: ServiceFolder) -> Path:
    """Return the local folder for the job's gs:// root. Raises Refusal (INVALID_ARGUMENT)."""
    return service.output_base("", job.runtime_config.output_directory, "runtimeConfig.gcsOutputDirectory")


def pipeline_launch_spec(
    folder: PipelineFolder, program: tuple[str, ...], host: Host, token: str, service_token: Path
) -> LaunchSpec:
    """Return the start of the program for a pipeline job. Its steps use the service with the token of this file."""
    return LaunchSpec(
        command=(*program, str(folder.order)),
        environ={
            **_inherited(host.environ),
            UNBUFFERED: "1",
            MARKER: str(folder.trial.path),
            TOKEN_FILE_VARIABLE: str(service_token),
            FINGERPRINTS: str(folder.trial.fingerprint_file),
        },
        folder=folder.trial,
        output_dirs=None,
        timeout_s=TIMEOUT_S,
        token=token,
        open_files=host.open_files,
        marker=MARKER,
    )


def _inherited(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(FOREIGN_PREFIXES)}
