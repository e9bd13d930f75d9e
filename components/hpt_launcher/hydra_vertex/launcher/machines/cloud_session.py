"""The session with which Cloud Monitoring is read, and the project that has the metrics of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hydra_vertex.launcher.study.client import is_google_region
from hydra_vertex.launcher.study.loopback_credentials import loopback_credentials
from hydra_vertex.launcher.study.plain_http import is_on_this_machine
from hydra_vertex.launcher.text.terminal import excerpt

from .time_series import ENDPOINT, REQUEST_LIMIT_S, NotReadableError

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

ENDPOINT_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING"
"""gcloud's variable for another address of Cloud Monitoring, such as that of a private network."""
SCOPE = "https://www.googleapis.com/auth/monitoring.read"


def project_of(name: str) -> str:
    """Return the project of a job in a region of Google Cloud; empty for any other name, such as a local job's."""
    parts = name.split("/")
    return parts[1] if len(parts) > 3 and is_google_region(parts[3]) else ""


def session_of(environ: Mapping[str, str]) -> tuple[AuthorizedSession, str]:
    """Return a session with the application-default credentials, and the address of Cloud Monitoring.

    Raises NotReadableError.
    """
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession

    endpoint = environ.get(ENDPOINT_VARIABLE, "").rstrip("/") or ENDPOINT
    if is_on_this_machine(endpoint):
        return AuthorizedSession(loopback_credentials(environ)), endpoint
    if urlsplit(endpoint).scheme != "https":
        raise NotReadableError(f"{ENDPOINT_VARIABLE} is {endpoint}: expected an address that begins with https://")
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except (GoogleAuthError, OSError) as error:
        raise NotReadableError(f"no credentials for Cloud Monitoring: {excerpt(error, 300)}") from error
    return AuthorizedSession(credentials, refresh_timeout=REQUEST_LIMIT_S), endpoint
