"""Reads the machines of a study from where the job is: the embedded service, or Cloud Monitoring for Vertex AI.

Nothing here raises for a source that cannot be read: a report must not fail for its pictures of machines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.job.machine_use import parse_machine_use
from hydra_vertex.launcher.study.client import is_google_region
from hydra_vertex.launcher.study.embedded_session import embedded_session
from hydra_vertex.launcher.study.loopback_credentials import loopback_credentials
from hydra_vertex.launcher.study.plain_http import is_on_this_machine
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, UserError

from .cloud_series import Series, curves_of, queries, series_of
from .study_machines import NO_MACHINES, StudyMachines
from .time_series import ENDPOINT, MonitoringClient, NotReadableError

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

ENDPOINT_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING"
"""gcloud's variable for another address of Cloud Monitoring, such as that of a private network."""
SCOPE = "https://www.googleapis.com/auth/monitoring.read"
REQUEST_LIMIT_S = 30.0


def machines_of(job: HyperparameterTuningJob, api_endpoint: str = "") -> StudyMachines:
    """Return the machines of a job in a service. `api_endpoint` is that of the job's service; empty for Google's.

    A job with a location that is no region of Google Cloud, and no endpoint, has none.
    """
    if api_endpoint.startswith("http://"):
        return _from_embedded(job.name, api_endpoint, os.environ)
    parts = job.name.split("/")
    if len(parts) < 4 or not is_google_region(parts[3]):
        return NO_MACHINES
    return _from_cloud_monitoring(job, parts[1], os.environ)


def _from_embedded(name: str, api_endpoint: str, environ: Mapping[str, str]) -> StudyMachines:
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    try:
        session = embedded_session(api_endpoint, environ)
        answer = session.get(f"{api_endpoint}/v1/{name}:machineUse", timeout=REQUEST_LIMIT_S)
        if answer.status_code != 200:
            return StudyMachines(missing=f"the service answers {answer.status_code} to a request for the machines")
        return StudyMachines(parse_machine_use(json.loads(answer.content), "machineUse"))
    except (GoogleAuthError, RequestException, OSError, ValueError, UserError) as error:
        return StudyMachines(missing=f"the service does not say what its machines did: {excerpt(error, 300)}")


def _from_cloud_monitoring(job: HyperparameterTuningJob, project: str, environ: Mapping[str, str]) -> StudyMachines:
    endpoint = environ.get(ENDPOINT_VARIABLE, "").rstrip("/") or ENDPOINT
    found: list[Series] = []
    try:
        client = MonitoringClient(_session(endpoint, environ), endpoint)
        strangers = _read(job, client, project, found)
    except NotReadableError as error:
        return StudyMachines(curves_of(job, found), str(error))
    except DocumentError as error:
        return StudyMachines(curves_of(job, found), f"Cloud Monitoring answers a time series that is none: {error}")
    return StudyMachines(curves_of(job, found), _missing(job, found, strangers))


def _read(job: HyperparameterTuningJob, client: MonitoringClient, project: str, found: list[Series]) -> int:
    """Read all series of the trials into `found`. Return how many of the job's series name no trial."""
    strangers = 0
    for query in queries(job, project, datetime.now(timezone.utc)):
        for answer in client.series(query):
            series = series_of(job, answer)
            if series is None:
                strangers += 1
            else:
                found.append(series)
    return strangers


def _missing(job: HyperparameterTuningJob, found: list[Series], strangers: int) -> str:
    if found or not any(trial.start_time for trial in job.trials):
        return ""
    if strangers:
        return f"Cloud Monitoring has {strangers} time series of this job, and none of them names a trial"
    return (
        "Cloud Monitoring has nothing about the trials: it keeps the metrics of a job for six weeks, they appear some "
        "minutes late, and trials of less than a minute have none"
    )


def _loopback_session(environ: Mapping[str, str]) -> AuthorizedSession:
    """Return a session with the service's token. Raises UserError."""
    from google.auth.transport.requests import AuthorizedSession

    session = AuthorizedSession(loopback_credentials(environ))
    session.trust_env = False  # a proxy of the environment would read the token
    return session


def _session(endpoint: str, environ: Mapping[str, str]) -> AuthorizedSession:
    """Return a session with the application-default credentials. Raises NotReadableError."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession

    if not is_on_this_machine(endpoint):
        _require_https(endpoint)
    try:
        if is_on_this_machine(endpoint):
            return _loopback_session(environ)
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except (GoogleAuthError, OSError, ValueError, UserError) as error:
        raise NotReadableError(f"no credentials for Cloud Monitoring: {excerpt(error, 300)}") from error
    return AuthorizedSession(credentials)


def _require_https(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or a bracket of IPv6 that is not closed
        is_address = False
    if not is_address:
        raise NotReadableError(
            f"{ENDPOINT_VARIABLE} is {excerpt(endpoint)}: expected an address that begins with https://"
        )
