"""Asks Slurm what the jobs of running trials use, seldom enough for its controller."""

from __future__ import annotations

import threading
import time

from hydra_vertex.service.machines.reading import NotMeasuredError, WorkerReading
from hydra_vertex.service.trials.engines.contract import Launch

from . import commands
from .job_queue import parse_fields
from .settings import Settings
from .submission import gres
from .usage import NO_STATISTICS, Allocation, has_steps, parse_allocation, parse_use

JOB_PAUSE_S = 10.0
"""The shortest time between two queries about one job: Slurm gives CPU time in whole seconds."""
QUERY_PAUSE_S = 1.0
"""The shortest time between two queries about any job: a query costs the controller and the job's nodes an answer."""
EMPTY_ANSWERS = 3
"""So many answers with steps but without statistics mean that the cluster gathers none."""


class JobUse:
    """What the jobs of this service use. Its methods are called in several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._next_s: dict[str, float] = {}
        self._any_next_s = 0.0
        self._allocations: dict[str, Allocation] = {}
        self._empty_answers: dict[str, int] = {}

    def read(self, launch: Launch, job_id: str) -> WorkerReading | None:
        """Return what a running job uses; None when it was asked lately or is unknown yet.

        Raises UnavailableError, NotMeasuredError when the cluster gathers no statistics.
        """
        if not self._is_due(launch.id):
            return None
        if launch.id not in self._allocations:
            self._allocations[launch.id] = self._allocation(launch, job_id)
        text = commands.run(
            ("sstat", f"--jobs={job_id}", "--allsteps", "--noheader", "--parsable2", "--format=JobID,TRESUsageInTot")
        )
        reading = parse_use(text, job_id, len(launch.workers), self._allocations[launch.id])
        self._require_statistics(launch.id, is_empty=reading is None and has_steps(text, job_id))
        return reading

    def _require_statistics(self, launch_id: str, *, is_empty: bool) -> None:
        count = self._empty_answers.get(launch_id, 0) + 1 if is_empty else 0
        self._empty_answers[launch_id] = count
        if count >= EMPTY_ANSWERS:
            raise NotMeasuredError(NO_STATISTICS)

    def forget(self, launch_id: str) -> None:
        """Called when a launch has ended."""
        with self._lock:
            self._next_s.pop(launch_id, None)
            self._allocations.pop(launch_id, None)
            self._empty_answers.pop(launch_id, None)

    def _is_due(self, launch_id: str) -> bool:
        with self._lock:
            now_s = time.monotonic()
            if now_s < max(self._any_next_s, self._next_s.get(launch_id, 0.0)):
                return False
            self._any_next_s, self._next_s[launch_id] = now_s + QUERY_PAUSE_S, now_s + JOB_PAUSE_S
            return True

    def _allocation(self, launch: Launch, job_id: str) -> Allocation:
        fields = parse_fields(commands.run(("scontrol", "show", "job", job_id, "--oneliner")))
        return parse_allocation(fields, gpus_of(gres(launch, self._settings)) * len(launch.workers))


def gpus_of(resource: str) -> int:
    """Return the number of GPUs of each node in a generic resource such as `gpu:a100:2`; 0 for another resource."""
    name, _, count = resource.rpartition(":")
    return int(count) if name.partition(":")[0] == "gpu" else 0
