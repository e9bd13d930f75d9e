"""Where a page gets a study from, and what its buttons do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.machines import NO_MACHINES, StudyMachines


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a study. `job` is None before there is one. `repeats` is the job that confirms the best.

    `problem` says why the state is not the newest; empty when it is.
    """

    job: HyperparameterTuningJob | None = None
    repeats: HyperparameterTuningJob | None = None
    problem: str = ""
    machines: StudyMachines = NO_MACHINES


@dataclass(frozen=True, slots=True)
class Abilities:
    """Which buttons and panels the page has. `without_stop` and `without_log` say why one is absent."""

    stops_trials: bool = True
    has_logs: bool = True
    without_stop: str = ""
    without_log: str = ""
    prices: Prices = field(default_factory=Prices)


class Feed(Protocol):
    """The source of one study. All methods may be called in any thread, one at a time."""

    abilities: Abilities

    def read(self) -> Reading:
        """Return the newest state. Raises no error: a service that does not answer is the `problem` of the state."""

    def log(self, trial_id: str) -> str:
        """Return the end of a trial's log. Raises ServiceError."""

    def stop_trial(self, trial_id: str, shown: str) -> str:
        """Stop a trial early. Return one sentence about it. Raises ServiceError.

        `shown` is the name of the job on the page: nothing is stopped when it is not that of the feed any more.
        """

    def stop_study(self, shown: str) -> str:
        """Cancel the study that is shown. Return one sentence about it. Raises ServiceError."""


class JobList(Protocol):
    """The studies of a service that serves several pages. All methods may be called in any thread."""

    def jobs(self) -> tuple[HyperparameterTuningJob, ...]:
        """Return the newest jobs, without their trials. Raises ServiceError."""

    def feed(self, name: str) -> Feed:
        """Return the source of one job."""
