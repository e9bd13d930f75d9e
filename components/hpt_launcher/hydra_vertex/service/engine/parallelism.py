"""The number of trials and custom jobs that may run at once, among which the CPUs are divided."""

from __future__ import annotations

from hydra_vertex.service.devices.slots import Slots


class Parallelism:
    """Counts the slots that the unfinished jobs request, limited by the capacity."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._requested: dict[str, int] = {}

    def add(self, job_id: str, count: int) -> None:
        """Add a job that requests `count` slots at once."""
        self._requested[job_id] = count

    def remove(self, job_id: str) -> None:
        """Remove a job that has ended."""
        self._requested.pop(job_id, None)

    @property
    def at_once(self) -> int:
        """The number of trials and custom jobs that may run at once now; at least 1."""
        requested, capacity = sum(self._requested.values()), self._slots.capacity.at_once
        return max(1, requested if capacity is None else min(requested, capacity))
