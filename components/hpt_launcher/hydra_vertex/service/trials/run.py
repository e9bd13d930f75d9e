"""What the owner of a run knows of it: the verbs of a run, its callbacks, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol, TypeAlias

from hydra_vertex.service.machines.reading import WorkerReading
from hydra_vertex.service.system.process_identity import ProcessId

from .exit_status import ExitStatus


class EndReason(Enum):
    """Why a command is ended before its time. The value completes the sentence "ended because ..."."""

    CANCELLED = "the job was cancelled"
    FAILED = "the job failed"
    SHUTDOWN = "the service stops"


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The command was not started, and will not be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The command has ended, and none of its processes runs.

    `exit_status` is None when the command did not run or its exit is unknown. `end_reason` says why its end was
    requested; None when it was not.
    """

    exit_status: ExitStatus | None
    end_reason: EndReason | None


Outcome: TypeAlias = NotStarted | Ended


class Work(Protocol):
    """The callbacks of a run to its owner."""

    async def before_start(self) -> None:
        """Called before the files of an earlier start are removed from the folder. Raises OSError."""

    async def record_start(self, process: ProcessId | None, started: datetime | None = None) -> None:
        """Record that the command starts. Raises UnwritableError.

        `process` supervises the command, which starts afterwards; None when an engine runs it. `started` is the time
        that the engine gives; None means now.
        """

    async def look(self) -> None:
        """Called repeatedly while the command runs, to read what it has reported."""


class Run(Protocol):
    """One trial or custom job, from its start or adoption to its end, on this machine or in an engine."""

    @property
    def end_reason(self) -> EndReason | None:
        """Why its end was requested; None when it was not."""

    @property
    def process(self) -> ProcessId | None:
        """The supervisor on this machine while the command runs, otherwise None."""

    @property
    def is_running(self) -> bool:
        """Whether the command has started, as far as is known, and its end is not known."""

    @property
    def is_waiting(self) -> bool:
        """Whether an engine has the command in its queue."""

    def measure(self) -> Sequence[WorkerReading]:
        """Return what its workers use now; nothing while none runs. Blocks; called in a thread.

        Raises NotMeasuredError when that is not possible here, UnavailableError when an engine does not answer.
        """

    def end(self, why: EndReason) -> None:
        """Request the end. The first reason is kept."""

    def stop(self) -> None:
        """Stop it early. A trial is then judged by its reports."""

    async def run(self) -> Outcome:
        """Start it, again when it was lost, and wait for its end. Raises the errors of its owner's callbacks."""
