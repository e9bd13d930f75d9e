"""Reads what people and programs write to refer to a tuning job: its name, its id, a URL, or `gcp_resources`. Pure.

`gcp_resources` is the output of Google's pipeline components; its form is GcpResources in their gcp_resources.proto.
The pages of the Google Cloud console are those that versions of Google's SDK print, and those that the console has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json

COLLECTION = "hyperparameterTuningJobs"
FORMS = (
    f"projects/P/locations/L/{COLLECTION}/ID, a numeric id with --project and --location, the URL of its page in the "
    "Google Cloud console, the text or the file of gcp_resources, a job document (JSON or YAML), or the folder of a run"
)
_PROJECT = r"[^/\s?#]{1,100}"
_LOCATION = r"[a-z][a-z0-9-]{0,62}"  # It becomes a part of a host's name.
_ID = r"[A-Za-z0-9_-]{1,128}"
_NAME = re.compile(rf"projects/({_PROJECT})/locations/({_LOCATION})/([A-Za-z]+)/({_ID})((?:/[^/]+)*)")
_CONSOLE = "console.cloud.google.com"
_PAGES = (
    re.compile(rf".*/locations/(?P<location>{_LOCATION})/training/(?P<id>{_ID})(/.*)?"),
    re.compile(
        rf".*/training/hyperparameter-tuning-jobs/(locations/)?(?P<location>{_LOCATION})/(trainings?/)?(?P<id>{_ID})(/.*)?"
    ),
)
_GOOGLE = ".googleapis.com"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class JobReference:
    """The resource name of a tuning job. `api_endpoint` is the URL of the service that has it; empty for Google's."""

    name: str
    api_endpoint: str = ""

    @property
    def location(self) -> str:
        """The location in the name."""
        return self.name.split("/")[3]

    @property
    def parent(self) -> str:
        """The name's `projects/P/locations/L`."""
        return self.name.partition(f"/{COLLECTION}/")[0]


def parse_reference(text: str, project: str = "", location: str = "") -> JobReference:
    """Return the job that a text refers to. `project` and `location` complete an id, or a URL without a project.

    Raises UserError when the text refers to no tuning job, and when it contradicts `project` or `location`.
    """
    text = text.strip()
    if text.startswith("{"):
        return _of_resources(text, project, location)
    if re.fullmatch(r"[0-9]+", text):
        return _of_parts(text, text, project, location)
    if "://" in text:
        found = _of_url(text, project, location)
    else:
        found = JobReference(_job_name(text.removeprefix("//aiplatform.googleapis.com/"), text))
    _require_agreement(found, project, location)
    return found


def parse_resources(document: Mapping[str, Json], project: str = "", location: str = "") -> JobReference:
    """Return the tuning job in a `gcp_resources` document. Raises UserError when it has none, or several."""
    resources = document.get("resources")
    items = [item for item in resources if isinstance(item, Mapping)] if isinstance(resources, list) else []
    uris = [str(item.get("resourceUri") or item.get("resource_uri") or "") for item in items]
    of_jobs = [uri for uri in uris if f"/{COLLECTION}/" in uri]
    if len(of_jobs) != 1:
        seen = ", ".join(excerpt(uri) for uri in of_jobs or uris if uri) or "none"
        raise UserError(f"gcp_resources: expected one tuning job (…/{COLLECTION}/ID), got {seen}; give the job's name")
    return parse_reference(of_jobs[0], project, location)


def is_reference(text: str) -> bool:
    """Whether a text has the form of a reference rather than that of a file's name."""
    text = text.strip()
    return text.startswith(("{", "projects/", "//")) or "://" in text or text.isdecimal()


def _of_resources(text: str, project: str, location: str) -> JobReference:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UserError(f"{excerpt(text)}: is not JSON ({error}); expected gcp_resources, or {FORMS}") from error
    return parse_resources(document if isinstance(document, Mapping) else {}, project, location)


def _of_url(text: str, project: str, location: str) -> JobReference:
    try:
        url = urlsplit(text)
        host = (url.hostname or "").lower()
    except ValueError as error:
        raise UserError(f"{excerpt(text)}: is not a URL ({error})") from error
    if host == _CONSOLE:
        return _of_page(text, unquote(url.path), parse_qs(url.query).get("project", [""])[0] or project, location)
    version = re.match(r"/v1(beta1)?/(?=projects/)", url.path)
    if version is None:
        raise UserError(f"{excerpt(text)}: is neither a page of {_CONSOLE} nor a resource of the API; give {FORMS}")
    name = _job_name(unquote(url.path[version.end() :]), text)
    if url.scheme == "http" and host in _LOOPBACK:
        return JobReference(name, f"http://{url.netloc}")
    # Credentials are sent to this host, and the text may come from anywhere.
    if url.scheme != "https" or not host.endswith(_GOOGLE):
        raise UserError(
            f"{excerpt(text)}: {host or 'its host'} is not a host of Google, and no service on this machine; give the "
            "job's name, and the service as --endpoint"
        )
    found = JobReference(name)
    is_usual = host == f"{found.location}-aiplatform{_GOOGLE}"
    return found if is_usual else JobReference(name, f"https://{host}")


def _of_page(text: str, path: str, project: str, location: str) -> JobReference:
    page = next((match for form in _PAGES if (match := form.fullmatch(path)) is not None), None)
    if page is None:
        raise UserError(
            f"{excerpt(text)}: is not the page of a tuning job; expected …/locations/L/training/ID?project=P, "
            "as the job's page in the console has it"
        )
    return _of_parts(text, page["id"], project, page["location"] or location)


def _of_parts(text: str, job_id: str, project: str, location: str) -> JobReference:
    missing = [option for option, value in (("--project", project), ("--location", location)) if not value]
    if missing:
        raise UserError(f"{excerpt(text)}: the job's name needs {' and '.join(missing)}, or give {FORMS}")
    name = f"projects/{project}/locations/{location}/{COLLECTION}/{job_id}"
    return JobReference(_job_name(name, text))


def _job_name(name: str, text: str) -> str:
    """Return a name that is a tuning job's. Raises UserError that quotes the text in which the name was found."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise UserError(f"{excerpt(text)}: is no file here, and does not name a tuning job; give {FORMS}")
    project, location, collection, job_id, below = match.groups()
    job = f"projects/{project}/locations/{location}/{COLLECTION}/{job_id}"
    if collection != COLLECTION:
        raise UserError(f"{excerpt(text)}: is one of the {collection}, not a tuning job; expected …/{COLLECTION}/ID")
    if below:
        raise UserError(f"{excerpt(text)}: names a part of a job; give the job, {job}")
    return job


def _require_agreement(found: JobReference, project: str, location: str) -> None:
    _, own_project, _, own_location, *_ = found.name.split("/")
    for option, given, own in (("--project", project, own_project), ("--location", location, own_location)):
        if given and given != own:
            raise UserError(f"{option} {excerpt(given)}: the job's name has {own}; leave the option out")
