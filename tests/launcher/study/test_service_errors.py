"""The errors of Google's client: which of them leave the outcome open, and what each tells the user to change."""

from __future__ import annotations

import pytest
import requests  # type: ignore[import-untyped]  # its types are a separate package
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.protobuf import json_format

from hydra_vertex.launcher.study.retry import RetryLimits, repeat, transient_errors
from hydra_vertex.launcher.study.service_errors import service_errors
from hydra_vertex.protocol.errors import ServiceError, ServiceUnreachableError

OPEN = [
    *(exceptions.from_http_status(status, "m") for status in (409, 429, 500, 502, 503, 504)),
    *(exceptions.Aborted("m"), exceptions.Unknown("m"), exceptions.DeadlineExceeded("m"), exceptions.Cancelled("m")),
    *(requests.ConnectionError("m"), requests.ReadTimeout("m"), requests.exceptions.ChunkedEncodingError("m")),
    *(json_format.ParseError("m"), ConnectionResetError("m"), auth_exceptions.TransportError("m")),
]
FINAL = {
    "roles/aiplatform.user": exceptions.PermissionDenied("m"),
    "roles/aiplatform.user on the project": exceptions.from_http_status(403, "m"),
    "gcloud auth application-default login": exceptions.from_http_status(401, "m"),
    "check the project and the region": exceptions.NotFound("m"),
    "change that field": exceptions.from_http_status(400, "m"),
    "not in a state": exceptions.FailedPrecondition("m"),
    "gcloud services enable": exceptions.from_http_status(403, "Vertex AI API has not been used in project p before"),
}


@pytest.mark.parametrize("error", OPEN, ids=lambda e: type(e).__name__)
def test_after_these_errors_the_request_may_have_been_executed(error: Exception) -> None:
    with pytest.raises(ServiceUnreachableError, match="creating j"), service_errors("creating j"):
        raise error


@pytest.mark.parametrize("step", FINAL)
def test_a_final_error_names_what_the_user_can_change(step: str) -> None:
    with pytest.raises(ServiceError, match=step) as caught, service_errors("creating j"):
        raise FINAL[step]
    assert not isinstance(caught.value, ServiceUnreachableError)


@pytest.mark.parametrize("error", [*OPEN, exceptions.Unauthenticated("m"), exceptions.from_http_status(401, "m")])
def test_a_transient_error_is_repeated(error: Exception) -> None:
    answers = iter([error, "done"])
    assert repeat(lambda: answer(next(answers)), transient_errors(), LIMITS) == "done"


@pytest.mark.parametrize("errors", [[FINAL["change that field"]], [exceptions.Unauthenticated("m")] * 2])
def test_a_final_error_and_a_second_401_are_not_repeated(errors: list[Exception]) -> None:
    answers = iter([*errors, "done"])
    with pytest.raises(type(errors[0])):
        repeat(lambda: answer(next(answers)), transient_errors(), LIMITS)


def test_after_the_limit_the_last_error_is_raised() -> None:
    limits = RetryLimits(total_s=0.05, first_wait_s=0.01)
    with pytest.raises(exceptions.ServiceUnavailable):
        repeat(lambda: answer(exceptions.ServiceUnavailable("m")), transient_errors(), limits)


def answer(item: object) -> object:
    """Return the item, or raise it if it is an error."""
    if isinstance(item, Exception):
        raise item
    return item


LIMITS = RetryLimits(total_s=10.0, first_wait_s=0.001, longest_wait_s=0.002)
