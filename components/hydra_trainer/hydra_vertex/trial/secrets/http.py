"""HTTP requests with a time limit and retries, which never follow a redirect: they carry access tokens."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

ANSWER_LIMIT_BYTES = 1 << 20
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 4.0
_ERROR_CHARACTERS = 300


class AnswerError(Exception):
    """A request without a usable answer. `status` is the HTTP status; None when there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Limits:
    """The time limits: of one attempt, and of all attempts together."""

    attempt_s: float = 10.0
    total_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `body` None means GET. Without `by_proxy`, the proxies of the environment are not used."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    by_proxy: bool = True


def fetch(call: Call, limits: Limits, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """Return the body of the answer. Errors that may pass are retried. Raises AnswerError."""
    deadline, pause_s = time.monotonic() + limits.total_s, _FIRST_PAUSE_S
    while True:
        try:
            return _attempt(call, limits.attempt_s)
        except AnswerError as error:
            if error.status is not None and error.status not in _TRANSIENT:
                raise
            if isinstance(error.__cause__, socket.gaierror) or time.monotonic() + pause_s > deadline:
                raise
        sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - the pause need not be unpredictable
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _attempt(call: Call, timeout_s: float) -> bytes:
    request = Request(call.url, data=call.body, headers=dict(call.headers))  # noqa: S310 - of http(s) by construction
    try:
        with _opener(by_proxy=call.by_proxy).open(request, timeout=timeout_s) as answer:
            body: bytes = answer.read(ANSWER_LIMIT_BYTES)
            # read() with a limit returns the part that has come when the connection is lost.
            if answer.length:
                raise AnswerError(
                    f"{urlsplit(call.url).netloc} sent {len(body)} bytes, {answer.length} fewer than it said"
                )
            return body
    except HTTPError as error:
        with error:
            raise AnswerError(_described(error), error.code) from error
    except URLError as error:
        cause = error.reason if isinstance(error.reason, Exception) else error
        raise AnswerError(f"{urlsplit(call.url).netloc} does not answer ({error.reason})") from cause
    except (OSError, HTTPException) as error:
        raise AnswerError(f"{urlsplit(call.url).netloc} does not answer ({type(error).__name__}: {error})") from error


def _opener(*, by_proxy: bool) -> OpenerDirector:
    return build_opener(_NoRedirects(), *(() if by_proxy else (ProxyHandler({}),)))


class _NoRedirects(HTTPRedirectHandler):
    """Makes a redirect an error: urllib would send the token to the other address."""

    def redirect_request(self, req: Request, _fp: object, code: int, msg: str, *_: object) -> NoReturn:
        """Raise the error of the redirect."""
        raise AnswerError(f"{req.host} redirects ({msg}), which is not followed", code)


def _described(error: HTTPError) -> str:
    """Return the status and the message of Google's error, which does not contain the request."""
    import json

    try:
        text = str(json.loads(error.read(ANSWER_LIMIT_BYTES))["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError, HTTPException):
        text = str(error.reason)
    return f"{error.code} {' '.join(text.split())[:_ERROR_CHARACTERS]}"
