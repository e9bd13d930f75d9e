"""Requests time series from Cloud Monitoring, page by page: `projects.timeSeries.list` of its API, version 3.

Source: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession
    from requests import Response

ENDPOINT = "https://monitoring.googleapis.com"
REQUEST_LIMIT_S = 30.0
PAGE_LIMIT = 200
"""The most pages of one query: a service that repeats its page token must not be asked for ever."""
_BUSY = {429, 500, 502, 503, 504}
_FORBIDDEN = {401, 403}


class NotReadableError(Exception):
    """Cloud Monitoring gives no answer that can be used. The message is one sentence for the report."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query of one project. `parameters` are those of the request, without the page token."""

    project: str
    parameters: Mapping[str, str]


@dataclass(slots=True)
class MonitoringClient:
    """A client with one limit of time for all of its requests. `pause` waits; tests do not."""

    session: AuthorizedSession
    endpoint: str = ENDPOINT
    limit_s: float = 60.0
    pause: Callable[[float], None] = time.sleep
    _deadline_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin the time limit."""
        self._deadline_s = time.monotonic() + self.limit_s

    def series(self, query: Query) -> Iterator[Json]:
        """Yield the time series of all pages. Raises NotReadableError."""
        token = ""
        for _ in range(PAGE_LIMIT):
            page = self._page(query, token)
            found = page.get("timeSeries", [])
            yield from _array(found)
            token = str(page.get("nextPageToken") or "")
            if not token:
                return
        raise NotReadableError(f"Cloud Monitoring has more than {PAGE_LIMIT} pages of one query")

    def _page(self, query: Query, token: str) -> JsonObject:
        wait_s = 1.0
        while True:
            answer = self._answer(query, token)
            if answer.status_code not in _BUSY:
                return _content(answer)
            wait_s = _asked_wait_s(answer) or wait_s
            if time.monotonic() + wait_s >= self._deadline_s:
                raise NotReadableError(f"Cloud Monitoring does not answer in time: {_problem(answer)}")
            self.pause(wait_s)
            wait_s *= 2

    def _answer(self, query: Query, token: str) -> Response:
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException

        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise NotReadableError(f"Cloud Monitoring does not answer within {self.limit_s:.0f} s")
        try:
            answer: Response = self.session.get(
                f"{self.endpoint}/v3/projects/{query.project}/timeSeries",
                params={**query.parameters, **({"pageToken": token} if token else {})},
                timeout=min(REQUEST_LIMIT_S, left_s),
            )
        except GoogleAuthError as error:
            raise NotReadableError(f"no credentials for Cloud Monitoring: {excerpt(error, 300)}") from error
        except (RequestException, OSError, ValueError) as error:  # ValueError: urllib3, of a host that cannot be one
            raise NotReadableError(f"Cloud Monitoring does not answer: {excerpt(error, 300)}") from error
        return answer


def _content(answer: Response) -> JsonObject:
    if answer.status_code in _FORBIDDEN:
        raise NotReadableError(
            f"Cloud Monitoring may not be read ({_problem(answer)}); the account needs roles/monitoring.viewer on the "
            "project"
        )
    if answer.status_code != 200:
        raise NotReadableError(f"Cloud Monitoring answers {_problem(answer)}")
    try:
        return json.object_of(json.loads(answer.content))
    except ValueError as error:
        raise NotReadableError(f"Cloud Monitoring answers no JSON object: {excerpt(answer.text, 200)}") from error


def _problem(answer: Response) -> str:
    """Return the status and the message of an answer in Google's error model."""
    try:
        error = json.object_of(json.object_of(json.loads(answer.content)).get("error"))
        message = str(error.get("message", ""))
    except ValueError:
        message = answer.text
    return f"{answer.status_code} {excerpt(message, 300)}".strip()


def _asked_wait_s(answer: Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise NotReadableError("Cloud Monitoring answers timeSeries that are no array")
    return value
