"""The protocol of all optimisers, the type of a suggestion, and its random seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from hydra_vertex.job import ParameterValue, Trial

Parameters: TypeAlias = Mapping[str, ParameterValue]
"""The values of a trial's parameters by name. An inactive conditional parameter is absent."""


class Optimizer(Protocol):
    """Suggests parameters. A suggestion may take seconds of CPU time, so it is made outside of the event loop."""

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """Return the parameters of the trial with that number, from 1.

        `history` has every earlier trial, running ones included.
        """


def seed_of(job_id: str, number: int) -> int:
    """Return the random seed of one suggestion, 32 bits of a SHA-256 digest: the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{job_id}/{number}".encode()).digest()[:4], "big")
