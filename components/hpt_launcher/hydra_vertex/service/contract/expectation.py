"""How a check says what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from hydra_vertex.protocol.errors import ServiceError

T = TypeVar("T")
POLL_INTERVAL_S = 0.1


class Broken(ServiceError):  # noqa: N818 - the contract is broken
    """The service does not do what the API promises; the message says what."""


class Skipped(Exception):  # noqa: N818 - no error
    """A check cannot be run here; the message says why."""


def expect(holds: bool, claim: str) -> None:
    """Raises Broken unless the claim holds."""
    if not holds:
        raise Broken(claim)


def expect_equal(found: object, wanted: object, what: str) -> None:
    """Raises Broken unless both are equal."""
    expect(found == wanted, f"{what} is {found!r}, expected {wanted!r}")


@contextmanager
def refused(error: type[Exception], words: str) -> Iterator[None]:
    """Raises Broken unless the block raises that error, and the error says those words."""
    try:
        yield
    except error as found:
        expect(words in str(found), f"the refusal says {str(found)!r}, expected {words!r} in it")
    else:
        raise Broken(f"was not refused, expected {error.__name__} with {words!r}")


def wait_for(value: Callable[[], T | None], what: str, limit_s: float) -> T:
    """The value once it is there. Raises Broken when it is not within the limit."""
    deadline = time.monotonic() + limit_s
    while (found := value()) is None:
        if time.monotonic() >= deadline:
            raise Broken(f"{what} did not come within {limit_s:g} s")
        time.sleep(POLL_INTERVAL_S)
    return found
