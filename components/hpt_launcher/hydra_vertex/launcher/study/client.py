"""The client of a tuning service: Google's JobService, or the embedded service with the same API on loopback."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypedDict, TypeVar

from hydra_vertex.job import HyperparameterTuningJob, JobState, dump_job, parse_job
from hydra_vertex.protocol.errors import DocumentError, UserError
from hydra_vertex.protocol.json import Json

from .loopback_credentials import loopback_credentials
from .plain_http import is_on_this_machine, require_allowed_http
from .retry import GOOGLE, LOOPBACK, RetryLimits, repeat, transient_errors, unauthenticated_once
from .service_errors import service_errors
from .stop_reasons import StopReasons

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import JobServiceClient
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob as Message

T = TypeVar("T")

LARGEST_PAGE = 100
"""The largest number of jobs that is asked for in one request; with 0 the service chooses."""
_REGION = re.compile(r"[a-z]+(-[a-z]+)+[0-9]+")
"""The form of a Google Cloud region, such as europe-west4."""


class JobService(Protocol):
    """The tuning service's methods that the launcher uses.

    Each raises ServiceError when the service refuses a request, and ServiceUnreachableError when it gives no usable
    answer. Each but `create` is repeated for a limited time in that case.
    """

    def create(self, parent: str, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """Start a job under `projects/P/locations/L`. Not repeated: see `one_job`."""

    def get(self, name: str) -> HyperparameterTuningJob:
        """Return the job's current state with all trials, and the reason of each trial that was stopped early."""

    def list(self, parent: str, filter_text: str = "", limit: int | None = None) -> tuple[HyperparameterTuningJob, ...]:
        """Return the jobs under `projects/P/locations/L` that the filter selects, newest first, without their trials.

        The filter has the form of the API's `filter` field; empty selects every job. `limit` is the largest number of
        jobs to return; None: all.
        """

    def cancel(self, name: str) -> None:
        """Request that the job ends; it becomes CANCELLED some time later. A job that has ended stays as it is."""

    def has_started(self, custom_job: str) -> bool | None:
        """Whether a trial's CustomJob has had its machines; None when it cannot be read. Raises no error."""


def connect(
    location: str,
    api_endpoint: str = "",
    *,
    limits: RetryLimits | None = None,
    check: Callable[[], None] = lambda: None,
) -> JobService:
    """Return a client for `api_endpoint`, or for Google's endpoint of the location when that is empty.

    An `http://` endpoint must be on loopback, or with a token in the same cluster, and gets no credentials but its
    service's token; any other is reached over TLS with the application-default credentials. `limits` are those of the
    retries; None: the usual ones of the endpoint. `check` is called between two attempts and may raise, to end them.
    Raises UserError for another `http://` endpoint, ServiceError when there are no usable credentials.
    """
    from google.cloud import aiplatform_v1

    limits = limits or limits_for(api_endpoint)
    if api_endpoint.startswith("http://"):
        require_allowed_http(api_endpoint, os.environ)
        client = aiplatform_v1.JobServiceClient(
            client_options={"api_endpoint": api_endpoint},
            transport="rest",
            credentials=loopback_credentials(os.environ),
        )
        # A proxy of the environment would read the token, and cannot reach this machine. The transport has no option.
        client.transport._session.trust_env = False
        return VertexJobService(client, limits, check, is_embedded=True)
    endpoint = api_endpoint.removeprefix("https://") or f"{location}-aiplatform.googleapis.com"
    with service_errors("connecting to " + endpoint):
        client = aiplatform_v1.JobServiceClient(client_options={"api_endpoint": endpoint})
    return VertexJobService(client, limits, check)


def limits_for(api_endpoint: str) -> RetryLimits:
    """Return the usual limits of retries for an endpoint."""
    return LOOPBACK if is_on_this_machine(api_endpoint) else GOOGLE


def is_google_region(location: str) -> bool:
    """Whether a location has the form of a Google Cloud region. A local run has the location `local`."""
    return _REGION.fullmatch(location) is not None


def require_service(location: str, api_endpoint: str) -> None:
    """Check that a location has a service: that of an endpoint, or Google's. Raises UserError."""
    if not api_endpoint and not is_google_region(location):
        raise UserError(
            f"location {location!r} is not a Google Cloud region such as europe-west4; give the service that has the "
            "job as --endpoint, such as http://127.0.0.1:8080"
        )


class VertexJobService:
    """A `JobService` that uses Google's client library."""

    def __init__(
        self,
        client: JobServiceClient,
        limits: RetryLimits = GOOGLE,
        check: Callable[[], None] = lambda: None,
        *,
        is_embedded: bool = False,
    ) -> None:
        """`is_embedded`: the service is the one of this package, which has a method that stops one trial."""
        self._client = client
        self._limits = limits
        self._check = check
        self._stop_reasons = StopReasons(self._stop_reason, users_stop_trials=is_embedded)

    def create(self, parent: str, job: HyperparameterTuningJob) -> HyperparameterTuningJob:
        """Start a job."""
        with service_errors(f"creating the tuning job {job.display_name!r}"):
            message = repeat(
                lambda: self._client.create_hyperparameter_tuning_job(
                    parent=parent, hyperparameter_tuning_job=_to_message(job), **self._once()
                ),
                unauthenticated_once(),
                self._limits,
                self._check,
            )
            return _answered(message)

    def get(self, name: str) -> HyperparameterTuningJob:
        """Return the job's current state."""
        read = partial(self._client.get_hyperparameter_tuning_job, name=name, **self._once())
        with service_errors(f"reading {name}"):
            job = self._repeat(lambda: _answered(read(), name))
        return self._stop_reasons.added_to(job)

    def _stop_reason(self, custom_job: str) -> str | None:
        """Return why a CustomJob was ended early.

        Empty when it was not, or when it may not be read; None when the service does not answer now. It does not raise,
        because a missing reason must not end a watch.
        """
        from google.api_core import exceptions

        try:
            job = self._client.get_custom_job(name=custom_job, **self._once())
        except (exceptions.PermissionDenied, exceptions.NotFound):
            return ""
        except (exceptions.GoogleAPIError, OSError, ValueError):
            return None
        was_cancelled = job.state.name == JobState.CANCELLED.value
        return (job.error.message or "its custom job was cancelled") if was_cancelled else ""

    def has_started(self, custom_job: str) -> bool | None:
        """Whether a trial's CustomJob has had its machines: it has a start time from its first RUNNING on."""
        from google.api_core import exceptions

        try:
            job = self._client.get_custom_job(name=custom_job, **self._once())
        except (exceptions.GoogleAPIError, OSError, ValueError):
            return None
        return bool(job.start_time) or job.state.name == JobState.RUNNING.value

    def list(self, parent: str, filter_text: str = "", limit: int | None = None) -> tuple[HyperparameterTuningJob, ...]:
        """Return the jobs under a location."""
        request = {"parent": parent, "filter": filter_text, "page_size": min(limit or 0, LARGEST_PAGE)}

        def read() -> tuple[Message, ...]:
            return tuple(islice(self._client.list_hyperparameter_tuning_jobs(request=request, **self._once()), limit))

        with service_errors(f"listing the tuning jobs of {parent}", "change the filter"):
            messages = self._repeat(read)
        return tuple(map(_from_message, messages))

    def cancel(self, name: str) -> None:
        """Request that the job ends."""
        from google.api_core import exceptions

        cancel = partial(self._client.cancel_hyperparameter_tuning_job, name=name, **self._once())
        with service_errors(f"cancelling {name}"):
            try:
                self._repeat(cancel)
            except exceptions.BadRequest:  # FAILED_PRECONDITION over REST
                if not self.get(name).state.is_ending:
                    raise

    def _once(self) -> _RequestOptions:
        return {"timeout": self._limits.request_s, "retry": None}

    def _repeat(self, call: Callable[[], T]) -> T:
        return repeat(call, transient_errors(), self._limits, self._check)


class _RequestOptions(TypedDict):
    timeout: float
    retry: None


def _to_message(job: HyperparameterTuningJob) -> Message:
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob as MessageType
    from google.protobuf import json_format

    message = MessageType()
    try:
        json_format.ParseDict(dict(dump_job(job)), MessageType.pb(message))
    except json_format.ParseError as error:
        raise DocumentError("", f"the job cannot be sent to Vertex AI: {error}") from error
    return message


def _answered(message: Message, name: str = "") -> HyperparameterTuningJob:
    """Return the job in an answer. Raises ValueError when the answer is not this job: the client reads `[]` as one."""
    if not message.name or (name and message.name.rpartition("/")[2] != name.rpartition("/")[2]):
        raise ValueError(f"the answer is not a job: its name is {message.name!r}")
    try:
        return _from_message(message)
    except DocumentError as error:
        raise ValueError(f"the answer is not a job: {error}") from error


def _from_message(message: Message) -> HyperparameterTuningJob:
    from google.protobuf import json_format

    document: Json = json_format.MessageToDict(type(message).pb(message))
    return parse_job(document)
