"""The faults that a proxy injects, one for each request, in an order that a seed determines."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Fault(Enum):
    NONE = "none"
    DROPPED_BEFORE = "the connection ends before the service gets the request"
    DROPPED_AFTER = "the service executes the request, and the connection ends without an answer"
    LATE = "the client gives up, and then the service gets the request"
    SLOW = "the service executes the request at once, and its answer is late"
    TWICE = "the service gets the request twice"
    ERROR_BEFORE = "an error, and the service does not get the request"
    ERROR_AFTER = "an error, and the service executes the request"
    TRUNCATED = "the service executes the request, and its answer is cut off"
    GARBAGE = "the service executes the request, and its answer has another content"


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault of one request. `code` selects the kind of an error."""

    fault: Fault
    code: int


class Plan:
    """The faults of one run. The rate falls, so that each run ends. Their names are appended to `log`."""

    def __init__(self, seed: int, log: Path) -> None:
        self._log = log
        self._rng = random.Random(seed)  # noqa: S311 - test data
        self._rate = self._rng.choice((0.2, 0.5, 0.8))
        self._codes = 100

    def next(self) -> Injected:
        is_faulty = self._rng.random() < self._rate
        self._rate *= 0.9
        fault = self._rng.choice(list(Fault)[1:]) if is_faulty else Fault.NONE
        with self._log.open("a") as log:
            log.write(f"{fault.name}\n")
        return Injected(fault, self._rng.randrange(self._codes))
