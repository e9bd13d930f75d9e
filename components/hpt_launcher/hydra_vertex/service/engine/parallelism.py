"""How many trials and custom jobs there may be at once: they share the CPUs."""

from __future__ import annotations

from hydra_vertex.service.devices.slots import Slots


class Parallelism:
    """Counts what the unfinished jobs ask for, within the places that there are."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._asked: dict[str, int] = {}

    def add(self, job_id: str, count: int) -> None:
        """A job asks for so many places at once."""
        self._asked[job_id] = count

    def remove(self, job_id: str) -> None:
        """The job has ended."""
        self._asked.pop(job_id, None)

    @property
    def at_once(self) -> int:
        """How many there may be at once now, 1 or more."""
        asked, places = sum(self._asked.values()), self._slots.capacity.at_once
        return max(1, asked if places is None else min(asked, places))
