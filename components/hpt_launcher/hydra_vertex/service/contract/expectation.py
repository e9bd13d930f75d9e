"""Assertions for contract checks, and the errors that they raise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from hydra_vertex.protocol.errors import ServiceError

T = TypeVar("T")
POLL_INTERVAL_S = 0.1


class Broken(ServiceError):  # noqa: N818 - the contract is broken
    """The service does not behave as the API documents; the message says how."""


class Skipped(Exception):  # noqa: N818 - not an error
    """A check cannot run here; the message says why."""


def expect(holds: bool, claim: str) -> None:
    """Raises Broken unless the claim holds."""
    if not holds:
        raise Broken(claim)


def expect_equal(found: object, wanted: object, what: str) -> None:
    """Raises Broken unless both are equal."""
    expect(found == wanted, f"{what} is {found!r}, expected {wanted!r}")


@contextmanager
def refused(error: type[Exception], words: str) -> Iterator[None]:
    """Raises Broken unless the block raises that error with `words` in its message."""
    try:
        yield
    except error as found:
        expect(words in str(found), f"the refusal is {str(found)!r}, expected a message with {words!r}")
    else:
        raise Broken(f"the request was not refused, expected {error.__name__} with {words!r}")


def wait_for(value: Callable[[], T | None], what: str, limit_s: float) -> T:
    """Poll until the value is not None, and return it. Raises Broken after `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while (found := value()) is None:
        if time.monotonic() >= deadline:
            raise Broken(f"{what} was not seen within {limit_s:g} s")
        time.sleep(POLL_INTERVAL_S)
    return found
