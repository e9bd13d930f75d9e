"""Requests to an embedded tuning service for what Google's API does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .loopback_credentials import loopback_credentials
from .plain_http import require_allowed_http

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession


def embedded_session(api_endpoint: str, environ: Mapping[str, str]) -> AuthorizedSession:
    """Return a session that sends the service's token, and uses no proxy.

    Raises UserError when the address may not be reached without TLS or the token cannot be sent, OutputError when the
    token's file cannot be read.
    """
    from google.auth.transport.requests import AuthorizedSession as Session

    require_allowed_http(api_endpoint, environ)
    session = Session(loopback_credentials(environ))
    session.trust_env = False  # a proxy of the environment would read the token
    return session
