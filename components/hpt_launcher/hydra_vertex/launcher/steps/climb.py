"""The tuning step on a capacity ladder: the runs of its rungs, one after another, with the interface of one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from hydra_vertex.job import HyperparameterTuningJob, save_job
from hydra_vertex.launcher.capacity.ladder import Ladder, RungRun
from hydra_vertex.launcher.capacity.rungs import Rung
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.protocol.files import write_atomic


class StepRun(RungRun, Protocol):
    """The run of one rung, with what the step reads from it at its end."""

    given: ExecutorInput

    @property
    def spending_end(self) -> str:
        """The spending limit for which the job was ended; empty when it was not."""

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine."""


R = TypeVar("R", bound=StepRun)


class Climb(Generic[R]):
    """The runs of a ladder. Its attributes are those of the current run."""

    def __init__(self, given: ExecutorInput, rungs: Sequence[Rung], prepare: Callable[[Rung, int], R]) -> None:
        self.given = given
        self._run: R | None = None
        self._ladder = Ladder(rungs, prepare, StoredRecords(given.outputs["job"].path))

    def finished_job(self) -> HyperparameterTuningJob:
        """Return the ended job of the first rung that gets machines."""
        return self._ladder.finished_job(self._use)

    def _use(self, run: R) -> None:
        self._run, self.given = run, run.given

    @property
    def last_state(self) -> HyperparameterTuningJob | None:
        """The last state of the current job."""
        return None if self._run is None else self._run.last_state

    @property
    def spending_end(self) -> str:
        """The spending limit for which the job was ended; empty when it was not."""
        return "" if self._run is None else self._run.spending_end

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine."""
        return self._run is not None and self._run.is_local


class StoredRecords:
    """Files beside the step's output `job`: `job.rung-1.left`, and `job.rung-1` with the last state of its job."""

    def __init__(self, job: Path) -> None:
        self._job = job

    def mark_left(self, number: int) -> None:
        """Record that a rung is left."""
        write_atomic(self._path(number, ".left"), "")

    def is_left(self, number: int) -> bool:
        """Whether an earlier start of the step has left a rung."""
        return self._path(number, ".left").exists()

    def keep(self, job: HyperparameterTuningJob, number: int) -> str:
        """Store the last state of a job that was left, and return its place."""
        path = self._path(number)
        save_job(job, path)
        return str(path)

    def _path(self, number: int, ending: str = "") -> Path:
        return self._job.with_name(f"{self._job.name}.rung-{number}{ending}")


def require_one_endpoint(rungs: Sequence[Rung], endpoint: str) -> None:
    """Raise UserError for an endpoint of one region with rungs in several; a service on this machine has them all."""
    locations = sorted({rung.location for rung in rungs})
    if endpoint and not endpoint.startswith("http://") and len(locations) > 1:
        raise UserError(
            f"api_endpoint {endpoint} is that of one region, and the trials may be in {', '.join(locations)}; "
            "leave the endpoint out, or give one location"
        )
