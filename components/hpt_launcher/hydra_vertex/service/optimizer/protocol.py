"""What every way of searching offers, and what a suggestion is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from hydra_vertex.job import ParameterValue, Trial

Parameters: TypeAlias = Mapping[str, ParameterValue]
"""The values of a trial; a conditional parameter whose condition does not hold is absent."""


class Optimizer(Protocol):
    """Chooses parameters. May take a while, so it is called outside of the event loop."""

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """The parameters of the trial with that number, from 1. `history` is every earlier trial, running ones too."""


def seed_of(job_id: str, number: int) -> int:
    """A seed for one suggestion, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{job_id}/{number}".encode()).digest()[:4], "big")
