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


def seed_of(source: str, number: int) -> int:
    """Return the seed of one suggestion of the study with this `source` (`job.seed`): the same on every machine.

    It is 32 bits of a SHA-256 digest.
    """
    return int.from_bytes(hashlib.sha256(f"{source}/{number}".encode()).digest()[:4], "big")
