"""Repeats requests to the tuning service while it gives no usable answer, for a limited time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Times in seconds: of one request, of the first and the longest wait between two attempts, and of all attempts.

    The waits grow by a factor of 2, with jitter. After `total_s` the last error is raised. A request that was given up
    may still reach the service, at most `late_s` later.
    """

    total_s: float
    late_s: float = 0.0
    request_s: float = 30.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0


GOOGLE = RetryLimits(total_s=600.0, late_s=60.0)
"""A study must survive an outage of the service."""
LOOPBACK = RetryLimits(total_s=30.0)
"""An embedded service restarts in seconds."""


def repeat(
    call: Callable[[], T],
    is_transient: Callable[[Exception], bool],
    limits: RetryLimits,
    check: Callable[[], None] = lambda: None,
) -> T:
    """Return the result of `call`, which is repeated after each transient error.

    `check` is called after each error and may raise, to end the repetition. Raises the last error after the limit.
    """
    from google.api_core import exceptions, retry

    policy = retry.Retry(
        predicate=is_transient,
        initial=limits.first_wait_s,
        maximum=limits.longest_wait_s,
        timeout=limits.total_s,
        on_error=lambda _: check(),
    )
    repeated: Callable[[], T] = policy(call)
    try:
        return repeated()
    except exceptions.RetryError as error:
        if error.cause is None:
            raise
        raise error.cause from error


def is_unanswered(error: Exception) -> bool:
    """Whether an error of Google's client says nothing about the request: the service may have executed it."""
    from google.api_core import exceptions
    from google.auth import exceptions as auth_exceptions
    from google.protobuf import json_format, message

    # ABORTED arrives as a Conflict (409) over REST; connection errors of the requests library are OSErrors. A body that
    # is cut off or changed is an error of protobuf, or a ValueError.
    kinds = (
        *(exceptions.ServiceUnavailable, exceptions.TooManyRequests, exceptions.InternalServerError),
        *(exceptions.BadGateway, exceptions.GatewayTimeout, exceptions.Unknown, exceptions.Conflict),
        *(exceptions.Cancelled, auth_exceptions.TransportError, json_format.Error, message.Error),
        *(ValueError, OSError),
    )
    return isinstance(error, kinds)


def unauthenticated_once() -> Callable[[Exception], bool]:
    """Return a predicate that accepts one error 401: the credentials may have expired at that moment."""
    from google.api_core import exceptions

    seen: list[Exception] = []

    def is_first(error: Exception) -> bool:
        if isinstance(error, exceptions.Unauthorized):
            seen.append(error)
        return isinstance(error, exceptions.Unauthorized) and len(seen) == 1

    return is_first


def transient_errors() -> Callable[[Exception], bool]:
    """Return a predicate for the errors after which a request that changes nothing may be repeated."""
    is_first_401 = unauthenticated_once()
    return lambda error: is_unanswered(error) or is_first_401(error)
