"""Converts the errors of Google's client library to ServiceErrors that name the next step."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hydra_vertex.protocol.errors import ServiceError, ServiceUnreachableError
from hydra_vertex.protocol.service_token import TOKEN_FILE as SERVICE_TOKEN_FILE
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE

from .retry import is_unanswered

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPICallError

_REQUEST = re.compile(r"^(GET|POST|PATCH|PUT|DELETE) https?://\S+: ")
"""The beginning of a message. Source: `from_http_response` in `google.api_core.exceptions`."""
_INVALID = ("InvalidArgument", "BadRequest")
_DISABLED = "SERVICE_DISABLED"
_NOT_USED = "has not been used in project"
_NEXT_STEPS = {
    "PermissionDenied": "the account needs roles/aiplatform.user on the project, and roles/iam.serviceAccountUser on "
    "the service account of the trials",
    "Forbidden": "the account needs roles/aiplatform.user on the project",
    "Unauthenticated": "run `gcloud auth application-default login`, or check the service account's key",
    "Unauthorized": "run `gcloud auth application-default login`, or check the service account's key",
    "NotFound": "check the project and the region in the name",
    "InvalidArgument": "change that field of the search file, or the option that sets it",
    "BadRequest": "change that field of the search file, or the option that sets it",
    "FailedPrecondition": "the project or the job is not in a state that allows this",
}
"""By the names of `google.api_core.exceptions`; over REST the errors have the names of HTTP's statuses."""


@contextlib.contextmanager
def service_errors(doing: str, invalid: str = "") -> Iterator[None]:
    """Raise ServiceUnreachableError for an error after which the request may have been executed, else ServiceError.

    `invalid` is what the user can change when the request itself is invalid; empty: a field of the job.
    """
    from google.api_core import exceptions
    from google.auth import exceptions as auth_exceptions

    try:
        yield
    except auth_exceptions.TransportError as error:
        raise ServiceUnreachableError(f"{doing}: the credentials cannot be refreshed ({error})") from error
    except auth_exceptions.GoogleAuthError as error:
        raise ServiceError(
            f"{doing}: no usable Google credentials ({error}); run `gcloud auth application-default login`, "
            "or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file; for a service on this machine, set "
            f"{TOKEN_FILE_VARIABLE} to the file of its token"
        ) from error
    except exceptions.GoogleAPICallError as error:
        message = f"{doing}: the service answered {error.code or ''} {plain_message(error)}{_next_step(error, invalid)}"
        kind = ServiceUnreachableError if is_unanswered(error) else ServiceError
        raise kind(message, http_status=int(error.code or 0)) from error
    except Exception as error:
        if not isinstance(error, exceptions.GoogleAPIError) and not is_unanswered(error):
            raise
        raise ServiceUnreachableError(f"{doing}: the service does not answer ({error})") from error


def plain_message(error: GoogleAPICallError) -> str:
    """Return the service's own message. Over REST the client puts the method and the URL before it."""
    return _REQUEST.sub("", str(error.message))


def _next_step(error: GoogleAPICallError, invalid: str) -> str:
    """Return what the user can change, for an error that a repetition does not remove."""
    if _DISABLED in str(error.reason) or _NOT_USED in str(error.message):
        return "; enable the API with `gcloud services enable aiplatform.googleapis.com`"
    if SERVICE_TOKEN_FILE in str(error.message):
        return f" (for hydra-vertex, set {TOKEN_FILE_VARIABLE} to that file)"
    if invalid and type(error).__name__ in _INVALID:
        return f"; {invalid}"
    return next((f"; {step}" for name, step in _NEXT_STEPS.items() if type(error).__name__ == name), "")
