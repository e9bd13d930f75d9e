"""Climbs a capacity ladder: one job after another, each on its rung, until one gets machines.

At any time one job is alive: the next one is created when the former has ended. Where an earlier start of the step was
is known from the labels of its jobs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.launcher.study.stop_signals import StopRequestedError
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.errors import Interrupted

from .rungs import Rung
from .shortage import CapacityLackingError

T = TypeVar("T", bound="RungRun")


class RungRun(Protocol):
    """The run of one rung's job, by the tuning step."""

    last_state: HyperparameterTuningJob | None

    def exists(self) -> bool:
        """Whether the rung has a job, from an earlier start of the step."""

    def finished_job(self) -> HyperparameterTuningJob:
        """Create the job, unless there is one, and watch it until it ends. Raises CapacityLackingError."""

    def left_job(self) -> HyperparameterTuningJob | None:
        """Cancel the rung's job and wait until it has ended. Return its last state; None when it has none."""

    def add_earlier(self, jobs: Sequence[HyperparameterTuningJob]) -> None:
        """Count what ended jobs of earlier rungs have used."""

    def stopped(self, error: StopRequestedError) -> str:
        """Cancel the rung's jobs, and return what happens to them."""


class Records(Protocol):
    """What is kept beside the outputs of the step: which rungs were left, and the jobs with measured trials."""

    def mark_left(self, number: int) -> None:
        """Record that a rung is left, before its job is cancelled."""

    def is_left(self, number: int) -> bool:
        """Whether an earlier start of the step has left a rung."""

    def keep(self, job: HyperparameterTuningJob, number: int) -> str:
        """Store the last state of a job that was left, and return its place."""


class Ladder(Generic[T]):
    """The runs of a ladder's rungs. `prepare` makes the run of a rung, by its number from 1, and sends nothing."""

    def __init__(self, rungs: Sequence[Rung], prepare: Callable[[Rung, int], T], records: Records) -> None:
        self._rungs = rungs
        self._runs = [prepare(rung, number) for number, rung in enumerate(rungs, start=1)]
        self._records = records
        self._left: list[HyperparameterTuningJob] = []

    def finished_job(self, on_run: Callable[[T], None]) -> HyperparameterTuningJob:
        """Return the ended job of the first rung that gets machines.

        `on_run` gets each run before its job is created. Raises what the run of a rung raises.
        """
        number = self._begin()
        while True:
            run = self._runs[number - 1]
            run.add_earlier(self._left)
            on_run(run)
            try:
                return run.finished_job()
            except CapacityLackingError as error:
                print(f"tune: {one_line(str(error))}; trying {self._rungs[number].name}", file=sys.stderr)
            self._records.mark_left(number)
            job = self._ended(run, number)
            if job is not None and job.state is JobState.SUCCEEDED:
                return job
            number += 1

    def _begin(self) -> int:
        """Return the number of the rung to begin with. Raises Interrupted after a signal, with every job cancelled."""
        try:
            return self._found()
        except StopRequestedError as error:
            raise Interrupted("; ".join(dict.fromkeys(run.stopped(error) for run in self._runs))) from error

    def _found(self) -> int:
        """Return the last rung that has a job; the next one, if it was left and its job has not succeeded.

        Jobs of earlier rungs are ended.
        """
        found = [number for number, run in enumerate(self._runs, start=1) if run.exists()]
        left = [number for number in found if self._records.is_left(number)]
        for number in sorted({*found[:-1], *left}):
            job = self._ended(self._runs[number - 1], number)
            if number == found[-1] and job is not None and job.state is JobState.SUCCEEDED:
                return number
        return max([1, *found, *(number + 1 for number in left)])

    def _ended(self, run: RungRun, number: int) -> HyperparameterTuningJob | None:
        job = run.left_job()
        if job is None:
            return None
        self._left.append(job)
        if any(trial.final_measurement is not None for trial in job.trials) and job.state is not JobState.SUCCEEDED:
            place = self._records.keep(job, number)
            print(f"tune: {job.name} has measured trials, which are kept in {place}", file=sys.stderr)
        return job
