"""Allocates slots for running trials. A free slot goes to the job with the fewest running trials."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .capacity import Capacity


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that a job has for one trial. `gpu` is None for a slot on the CPUs."""

    job_id: str
    gpu: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A job that waits for a slot; a later request has a higher number."""

    number: int
    job_id: str


def next_in_line(waiting: Sequence[Request], running: Mapping[str, int]) -> Request:
    """Return the request that gets a free slot: of the jobs with the fewest running trials, the oldest request."""
    return min(waiting, key=lambda request: (running.get(request.job_id, 0), request.number))


def freest_gpu(capacity: Capacity, load: Mapping[str | None, int]) -> str | None:
    """Return the GPU with the fewest trials, the first of several; None when there is no GPU."""
    return min(capacity.gpus, key=lambda gpu: load.get(gpu, 0), default=None)


class Slots:
    """All slots of a service. Used in one event loop."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._running: Counter[str] = Counter()
        self._load: Counter[str | None] = Counter()
        self._waiting: dict[Request, asyncio.Future[Slot]] = {}
        self._requests = 0

    def request(self, job_id: str) -> asyncio.Future[Slot]:
        """Request a slot. The future is done at once when one is free; `withdraw` it when it is no longer needed."""
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._requests += 1
        self._waiting[Request(self._requests, job_id)] = future
        self._allocate()
        return future

    def take(self, job_id: str, gpu: str | None) -> Slot:
        """Allocate the slot of a trial that already runs, even if no slot is free.

        If the service no longer has the GPU, the trial counts on the GPU with the fewest trials.
        """
        return self._occupy(job_id, gpu if gpu in self.capacity.gpus else freest_gpu(self.capacity, self._load))

    def release(self, slot: Slot) -> None:
        """Free a slot. The next request gets it at once."""
        self._running[slot.job_id] -= 1
        self._load[slot.gpu] -= 1
        self._running += Counter()  # removes zero counts
        self._allocate()

    def withdraw(self, future: asyncio.Future[Slot]) -> None:
        """Cancel a request, or free its slot if it already has one."""
        if not future.cancel() and not future.cancelled():
            self.release(future.result())

    def _occupy(self, job_id: str, gpu: str | None) -> Slot:
        self._running[job_id] += 1
        self._load[gpu] += 1
        return Slot(job_id, gpu)

    def _allocate(self) -> None:
        self._waiting = {request: future for request, future in self._waiting.items() if not future.done()}
        while self._waiting and self._has_room():
            request = next_in_line(tuple(self._waiting), self._running)
            gpu = freest_gpu(self.capacity, self._load)
            self._waiting.pop(request).set_result(self._occupy(request.job_id, gpu))

    def _has_room(self) -> bool:
        at_once = self.capacity.at_once
        if at_once is not None and sum(self._running.values()) >= at_once:
            return False
        gpu = freest_gpu(self.capacity, self._load)
        return gpu is None or self._load[gpu] < self.capacity.trials_per_gpu
