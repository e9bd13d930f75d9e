"""Finds the job that a user refers to: in a file, on standard input, in the folder of a run, or in a tuning service."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.job.confirmation import is_confirmation
from hydra_vertex.launcher.files.job_file import is_job, job_in, load_document
from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import JOB_FILE, PLAN_FILE, STANDARD_INPUT, read_standard_input, read_text
from hydra_vertex.protocol.errors import ServiceUnreachableError, UserError
from hydra_vertex.protocol.json import Json

from .client import JobService, connect, require_service
from .job_reference import COLLECTION, JobReference, is_reference, parse_reference, parse_resources
from .retry import RetryLimits

STANDARD_INPUT_SIGN = "-"
_CONNECT_LIMIT_S = 2.0
_RUN_LIMITS = RetryLimits(total_s=3.0)
"""The service of a run is not started again while the run is in progress."""


@dataclass(frozen=True, slots=True)
class JobSource:
    """Where a job is: `document` is its state as a file has it, None when only the service knows it.

    `reference` is the job in a service; None for a document without a name.
    """

    reference: JobReference | None
    document: HyperparameterTuningJob | None = None
    place: str = ""

    def connected(self, check: Callable[[], None] = lambda: None) -> tuple[JobService, str]:
        """Return a client of the job's service, and the job's name. `check` is that of `client.connect`.

        Raises UserError for a document without a name and for a location without a service, ServiceError when there
        are no usable credentials.
        """
        if self.reference is None:
            raise UserError(
                f"{self.place}: the document has no resource name (name), so the job cannot be found in a service; "
                "give the job's name"
            )
        location, endpoint = self.reference.location, self.reference.api_endpoint
        require_service(location, endpoint)
        return connect(location, endpoint, check=check), self.reference.name

    @property
    def is_local(self) -> bool:
        """Whether the job is in a service on this machine, of which Google Cloud knows nothing."""
        return self.reference is not None and self.reference.api_endpoint.startswith("http://")

    def job(self) -> HyperparameterTuningJob:
        """Return the job: the document, else its current state in the service. Raises UserError, ServiceError."""
        if self.document is not None:
            return self.document
        service, name = self.connected()
        return service.get(name)


def find_job(
    text: str, *, project: str = "", location: str = "", api_endpoint: str = "", of_study: bool = False
) -> JobSource:
    """Return the job to which a text refers: the path of a file or folder, `-`, or a form of `job_reference`.

    An existing path is preferred. `api_endpoint` takes precedence over the endpoint in a URL. The folder of a run in
    progress is its newest job; with `of_study` it is the study, also while its best configurations are repeated. Raises
    UserError when the text refers to no job, OutputError when a file has none.
    """
    path = Path(text)
    if text == STANDARD_INPUT_SIGN:
        found = _in_text(read_standard_input(JOB_FILE), STANDARD_INPUT, project, location)
    elif _is_there(path) and path.is_dir():
        found = _in_folder(path, of_study=of_study)
    elif _is_there(path):
        found = _in_text(read_text(path, JOB_FILE), path, project, location)
    elif path.suffix in {".json", ".yaml", ".yml"} and not is_reference(text):
        raise JOB_FILE.failure(path, "cannot be read as a job (No such file or directory)")
    else:
        found = JobSource(parse_reference(text, project, location), place=text)
    if found.reference is None or not api_endpoint:
        return found
    return JobSource(JobReference(found.reference.name, api_endpoint), found.document, found.place)


def _in_text(text: str, path: Path, project: str, location: str) -> JobSource:
    """Return the job in the content of a file: a document, gcp_resources, or one line that refers to a job."""
    line = text.strip()
    if len(line.split()) == 1 and not line.startswith(("{", "[")) and is_reference(line):
        return JobSource(parse_reference(line, project, location), place=str(path))
    document = load_document(text, path)
    if isinstance(document, dict) and "resources" in document and not is_job(document):
        return JobSource(parse_resources(document, project, location), place=str(path))
    name = _name_in(document)
    if name is not None and not is_job(document):
        return JobSource(name, place=str(path))
    return JobSource(name, job_in(document, path), str(path))


def _name_in(document: Json) -> JobReference | None:
    """Return the job that a document names; None when it has no name, or not one of a tuning job."""
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str) or f"/{COLLECTION}/" not in name:
        return None
    try:
        return parse_reference(name)
    except UserError:
        return None


def _in_folder(folder: Path, *, of_study: bool) -> JobSource:
    """Return the job of a run: from its service while that runs, else from its job.json."""
    running = _running_job(folder, of_study=of_study)
    if running is not None:
        return JobSource(running, place=str(folder))
    file = folder / "job.json"
    if not file.exists():
        raise JOB_FILE.failure(folder, "is a folder without job.json, and no run is in progress in it")
    return _in_text(read_text(file, JOB_FILE), file, "", "")


def _running_job(folder: Path, *, of_study: bool) -> JobReference | None:
    """Return the newest job of the service that a run in progress has started; None when there is none.

    With `of_study`, the job of repeats is passed over.
    """
    announcement, plan = folder / "studies" / "service.json", folder / "plan.json"
    if not announcement.exists() or not plan.exists():
        return None
    url, asked = load_json(announcement, PLAN_FILE), load_json(plan, PLAN_FILE)
    endpoint = url.get("url") if isinstance(url, dict) else None
    is_local = isinstance(endpoint, str) and endpoint.startswith("http://")
    if not is_local or not isinstance(asked, dict) or not _answers(str(endpoint)):
        return None
    parent = f"projects/{asked.get('project')}/locations/{asked.get('location')}"
    service = connect(str(asked.get("location")), str(endpoint), limits=_RUN_LIMITS)
    try:
        jobs = service.list(parent)
    except ServiceUnreachableError:  # it ends with its run
        return None
    newest = next((job for job in jobs if not (of_study and is_confirmation(job))), None)
    return None if newest is None else JobReference(newest.name, str(endpoint))


def _answers(url: str) -> bool:
    """Whether a process listens at the address: the file of a service that was killed is left behind."""
    try:
        parts = urlsplit(url)
        socket.create_connection((parts.hostname or "", parts.port or 0), _CONNECT_LIMIT_S).close()
    except (OSError, ValueError):  # ValueError: the file has no URL
        return False
    return True


def _is_there(path: Path) -> bool:
    """Whether a path exists; a text that cannot be a path, such as a long one, is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
