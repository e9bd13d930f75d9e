"""The OAuth access token with which secrets are read: from a file, from gcloud's credentials or the metadata server.

Source: https://cloud.google.com/docs/authentication/application-default-credentials and
https://cloud.google.com/compute/docs/access/authenticate-workloads
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from hydra_vertex.protocol.errors import SecretError

from .http import AnswerError, Call, Limits, fetch

TOKEN_FILE = "HYDRA_TRIAL_ACCESS_TOKEN_FILE"  # noqa: S105 - the variable's name
"""A file with an access token, such as `gcloud auth print-access-token` prints."""

CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
METADATA_HOST = "GCE_METADATA_HOST"
"""The variable of google-auth with another address of the metadata server."""

_METADATA_LIMITS = Limits(attempt_s=3.0, total_s=15.0)
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_REFRESH_URL = "https://oauth2.googleapis.com/token"
_ADVICE = (
    f"run where a service account is attached, run `gcloud auth application-default login`, or set {TOKEN_FILE} to a "
    "file with the output of `gcloud auth print-access-token`"
)


def access_token(environ: Mapping[str, str]) -> str:
    """Return an access token. Raises SecretError when there is none, with what to do.

    In this order: the file of TOKEN_FILE, the file of CREDENTIALS, gcloud's application-default credentials, the
    metadata server.
    """
    if file := environ.get(TOKEN_FILE):
        return _sendable(_read(Path(file), TOKEN_FILE).strip(), file)
    if file := environ.get(CREDENTIALS):
        return _of_credentials(Path(file), CREDENTIALS)
    default = _gcloud_folder(environ) / "application_default_credentials.json"
    if default.is_file():
        return _of_credentials(default, "gcloud's application-default credentials")
    return _of_metadata_server(environ)


def explicit_token(environ: Mapping[str, str]) -> str:
    """Return a token for a stand-in of Secret Manager on this machine; empty when none is named for it.

    The user's own credentials are never sent over plain HTTP.
    """
    if environ.get(TOKEN_FILE):
        return access_token({TOKEN_FILE: environ[TOKEN_FILE]})
    return _of_metadata_server(environ) if environ.get(METADATA_HOST) else ""


def refresh_call(credentials: Mapping[str, object]) -> Call:
    """Return the request that exchanges the refresh token of a user for an access token. Raises KeyError."""
    names = ("client_id", "client_secret", "refresh_token")
    fields = {"grant_type": "refresh_token", **{name: str(credentials[name]) for name in names}}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Call(_REFRESH_URL, headers, urlencode(fields).encode())


def _of_credentials(file: Path, source: str) -> str:
    try:
        credentials = json.loads(_read(file, source))
        kind = credentials["type"]
        call = refresh_call(credentials) if kind == "authorized_user" else None
    except (ValueError, KeyError, TypeError) as error:
        raise SecretError(f"{file}: is not a file of Google's credentials ({source}); {_ADVICE}") from error
    if call is None:
        raise SecretError(f"{file}: credentials of the type {kind!r} cannot be used without google-auth; {_ADVICE}")
    return _token_in(call, Limits(), f"{file}: the credentials cannot be used")


def _of_metadata_server(environ: Mapping[str, str]) -> str:
    host = environ.get(METADATA_HOST) or "metadata.google.internal"
    call = Call(f"http://{host}{_METADATA_PATH}", {"Metadata-Flavor": "Google"}, by_proxy=False)
    return _token_in(call, _METADATA_LIMITS, "there are no Google credentials, and no metadata server gives a token")


def _token_in(call: Call, limits: Limits, problem: str) -> str:
    try:
        return _sendable(str(json.loads(fetch(call, limits))["access_token"]), "the answer")
    except AnswerError as error:
        raise SecretError(f"{problem}: {error}; {_ADVICE}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SecretError(f"{problem}: the answer has no access token; {_ADVICE}") from error


def _sendable(token: str, source: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SecretError(f"{source}: expected one access token of ASCII characters; {_ADVICE}")
    return token


def _read(file: Path, source: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SecretError(f"{file}: cannot be read ({source}: {error}); {_ADVICE}") from error


def _gcloud_folder(environ: Mapping[str, str]) -> Path:
    """Return gcloud's folder, from its own variable or below the user's home."""
    given = environ.get("CLOUDSDK_CONFIG")
    return Path(given) if given else Path(environ.get("HOME") or os.path.expanduser("~"), ".config/gcloud")  # noqa: PTH111 - does not raise
