"""The client of a tuning service: Google's JobService, or the embedded service with the same API on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from hydra_vertex.job import HyperparameterTuningJob, JobState, dump_job, parse_job
from hydra_vertex.protocol.errors import ServiceError, UserError
from hydra_vertex.protocol.json import Json

from .stop_reasons import StopReasons

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import JobServiceClient
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob as Message

REQUEST_TIMEOUT_S = 60.0
RETRY_LIMIT_S = 600.0
LOOPBACK_RETRY_LIMIT_S = 30.0
"""How long reads are retried while the service does not answer: a study must survive an outage or a restart."""

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}


class JobService(Protocol):
    """The tuning service's methods that the launcher uses. Each raises ServiceError when the service fails."""

    def create(self, parent: str, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """Start a job under `projects/P/locations/L`. Not retried: a second attempt could start a second study."""

    def get(self, name: str) -> HyperparameterTuningJob:
        """Return the job's current state with all trials, and the reason of each trial that was stopped early."""

    def list(self, parent: str) -> tuple[HyperparameterTuningJob, ...]:
        """Return all jobs under `projects/P/locations/L`, newest first, without their trials."""

    def cancel(self, name: str) -> None:
        """Request that the job ends; it becomes CANCELLED some time later."""


def connect(location: str, api_endpoint: str = "") -> JobService:
    """Return a client for `api_endpoint`, or for Google's endpoint of the location when that is empty.

    An `http://` endpoint must be on loopback, and gets no credentials; any other is reached over TLS with the
    application-default credentials. Raises UserError for an `http://` endpoint that is not on loopback, ServiceError
    when there are no usable credentials.
    """
    from google.cloud import aiplatform_v1

    if api_endpoint.startswith("http://"):
        from google.auth.credentials import AnonymousCredentials

        require_loopback(api_endpoint)
        client = aiplatform_v1.JobServiceClient(
            client_options={"api_endpoint": api_endpoint}, transport="rest", credentials=AnonymousCredentials()
        )
        return VertexJobService(client, LOOPBACK_RETRY_LIMIT_S)
    endpoint = api_endpoint.removeprefix("https://") or f"{location}-aiplatform.googleapis.com"
    with _google_errors("connecting to " + endpoint):
        return VertexJobService(aiplatform_v1.JobServiceClient(client_options={"api_endpoint": endpoint}))


class VertexJobService:
    """A `JobService` that uses Google's client library."""

    def __init__(self, client: JobServiceClient, retry_limit_s: float = RETRY_LIMIT_S) -> None:
        self._client = client
        self._retry_limit_s = retry_limit_s
        self._stop_reasons = StopReasons(self._stop_reason)

    def create(self, parent: str, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """Start a job."""
        with _google_errors(f"creating the tuning job {job.display_name!r}"):
            message = self._client.create_hyperparameter_tuning_job(
                parent=parent, hyperparameter_tuning_job=_to_message(job), timeout=REQUEST_TIMEOUT_S
            )
            return _from_message(message)

    def get(self, name: str) -> HyperparameterTuningJob:
        """Return the job's current state. Retried for a limited time while the service does not answer."""
        from google.api_core import exceptions, retry

        # Connection errors of the requests library are OSErrors.
        transient = retry.if_exception_type(exceptions.ServiceUnavailable, exceptions.TooManyRequests, OSError)
        policy = retry.Retry(predicate=transient, initial=0.5, maximum=10.0, timeout=self._retry_limit_s)
        with _google_errors(f"reading {name}"):
            message = self._client.get_hyperparameter_tuning_job(name=name, retry=policy, timeout=REQUEST_TIMEOUT_S)
        return self._stop_reasons.added_to(_from_message(message))

    def _stop_reason(self, custom_job: str) -> str | None:
        """Return why a CustomJob was ended early.

        Empty when it was not, or when it may not be read; None when the service does not answer now. It does not raise,
        because a missing reason must not end a watch.
        """
        from google.api_core import exceptions

        try:
            job = self._client.get_custom_job(name=custom_job, timeout=REQUEST_TIMEOUT_S)
        except (exceptions.PermissionDenied, exceptions.NotFound):
            return ""
        except (exceptions.GoogleAPIError, OSError):
            return None
        was_cancelled = job.state.name == JobState.CANCELLED.value
        return (job.error.message or "its custom job was cancelled") if was_cancelled else ""

    def list(self, parent: str) -> tuple[HyperparameterTuningJob, ...]:
        """Return all jobs under a location."""
        with _google_errors(f"listing the tuning jobs of {parent}"):
            pager = self._client.list_hyperparameter_tuning_jobs(parent=parent, timeout=REQUEST_TIMEOUT_S)
            return tuple(_from_message(message) for message in pager)

    def cancel(self, name: str) -> None:
        """Request that the job ends."""
        with _google_errors(f"cancelling {name}"):
            self._client.cancel_hyperparameter_tuning_job(name=name, timeout=REQUEST_TIMEOUT_S)


def _to_message(job: HyperparameterTuningJob) -> Message:
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob as MessageType
    from google.protobuf import json_format

    message = MessageType()
    json_format.ParseDict(dict(dump_job(job)), MessageType.pb(message))
    return message


def _from_message(message: Message) -> HyperparameterTuningJob:
    from google.protobuf import json_format

    document: Json = json_format.MessageToDict(type(message).pb(message))
    return parse_job(document)


@contextlib.contextmanager
def _google_errors(doing: str) -> Iterator[None]:
    from google.api_core import exceptions
    from google.auth import exceptions as auth_exceptions

    try:
        yield
    except auth_exceptions.GoogleAuthError as error:
        raise ServiceError(
            f"{doing}: no usable Google credentials ({error}); run `gcloud auth application-default login`, "
            "or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise ServiceError(f"{doing}: the service answered {error.code or ''} {error.message}") from error
    except (exceptions.GoogleAPIError, OSError) as error:
        raise ServiceError(f"{doing}: the service does not answer ({error})") from error


def require_loopback(api_endpoint: str) -> None:
    """Check that an endpoint with plain http is on this machine: the connection is not encrypted. Raises UserError."""
    if urlsplit(api_endpoint).hostname not in LOOPBACK_HOSTS:
        raise UserError(
            f"api_endpoint {api_endpoint}: plain http is allowed only on this machine "
            f"({', '.join(sorted(LOOPBACK_HOSTS))}); use https for any other"
        )
