"""Reads a secret with the REST API of Secret Manager.

Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from hydra_vertex.protocol.errors import SecretError
from hydra_vertex.protocol.secret_references import SecretVersion

from .http import AnswerError, Call, Limits, fetch

ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
"""gcloud's variable for another endpoint: one of Google over https, or a stand-in on this machine."""

_GOOGLE = ".googleapis.com"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STEPS = {
    401: "the access token is not valid; renew it",
    403: "the account of the container needs the role roles/secretmanager.secretAccessor on the secret",
    404: "create the secret or the version, or change the reference",
    400: "enable a version of the secret, or change the reference",
}


def endpoint_of(version: SecretVersion, environ: Mapping[str, str]) -> str:
    """Return the URL of the API for a secret. A secret of one region has its own endpoint.

    Raises SecretError for an endpoint to which an access token must not be sent.
    """
    given = environ.get(ENDPOINT, "").rstrip("/")
    if not given:
        region = f".{version.location}.rep" if version.location else ""
        return f"https://secretmanager{region}{_GOOGLE}"
    try:
        parts = urlsplit(given)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    is_google = parts.scheme == "https" and host.endswith(_GOOGLE) and parts.username is None
    if is_google or (parts.scheme == "http" and host in _LOOPBACK):
        return given
    raise SecretError(
        f"${ENDPOINT}: {given!r}: an access token is sent only to https://…{_GOOGLE}, and in tests to "
        f"http://127.0.0.1:PORT; change or unset the variable"
    )


def is_stand_in(endpoint: str) -> bool:
    """Whether an endpoint is a stand-in on this machine, without TLS."""
    return endpoint.startswith("http://")


def read_secret(version: SecretVersion, endpoint: str, token: str) -> str:
    """Return the value of a secret. Raises SecretError with what to do; the message does not contain the value."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    call = Call(f"{endpoint}/v1/{version.name}:access", headers, by_proxy=not is_stand_in(endpoint))
    try:
        return _value(fetch(call, Limits()), version)
    except AnswerError as error:
        step = _STEPS.get(error.status or 0, "check the network of the container, and start the trial again")
        raise SecretError(f"the secret {version.name} cannot be read ({error}); {step}") from error


def _value(answer: bytes, version: SecretVersion) -> str:
    try:
        value = base64.b64decode(json.loads(answer)["payload"]["data"], validate=True).decode("utf-8")
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        # The cause would show a part of the answer.
        raise SecretError(f"the secret {version.name} is not UTF-8 text ({type(error).__name__})") from None
    if "\0" in value:
        raise SecretError(f"the secret {version.name} has a NUL character, which no variable can contain")
    return value
