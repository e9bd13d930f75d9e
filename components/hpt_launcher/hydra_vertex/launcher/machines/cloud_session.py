"""The session with which Cloud Monitoring is read, and the project that has the metrics of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hydra_vertex.launcher.study.client import is_google_region
from hydra_vertex.launcher.study.loopback_credentials import loopback_credentials
from hydra_vertex.launcher.study.plain_http import is_on_this_machine
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import UserError

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
    is_here = is_on_this_machine(endpoint)
    if not is_here:
        _require_https(endpoint)
    try:
        if is_here:
            return _loopback_session(environ), endpoint
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except (GoogleAuthError, OSError, ValueError, UserError) as error:
        raise NotReadableError(f"no credentials for Cloud Monitoring: {excerpt(error, 300)}") from error
    return AuthorizedSession(credentials, refresh_timeout=REQUEST_LIMIT_S), endpoint


def _loopback_session(environ: Mapping[str, str]) -> AuthorizedSession:
    """Return a session with the service's token. Raises UserError."""
    from google.auth.transport.requests import AuthorizedSession

    session = AuthorizedSession(loopback_credentials(environ))
    session.trust_env = False  # a proxy of the environment would read the token
    return session


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
