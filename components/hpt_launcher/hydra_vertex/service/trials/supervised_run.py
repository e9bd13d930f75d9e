"""A command under a supervisor from its start, or its adoption, to its end, for trials and custom jobs alike."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from hydra_vertex.protocol.environment import METRIC_FILE
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.system.leftovers import Orphans, has_children, kill_with_variable
from hydra_vertex.service.system.process_identity import ProcessId

from .command_file import read_command_process
from .exit_status import ExitStatus, read_exit_status
from .launch import STARTED, Supervisor, launch
from .launch_spec import TERMINATION_GRACE_S, LaunchSpec

LOOK_INTERVAL_S = 0.5
"""A look costs 2 µs, and 1.5 ms when there is something new: affordable with a hundred trials that never pause."""

START_LIMIT = 6
"""How often a command is started whose supervisor is lost: once, and again as often as Vertex AI restarts a worker."""

MARGIN_S = 10.0
"""How much longer than it may a supervisor takes before it is killed in its turn: a trial may have stopped it."""

ORPHAN_GRACE_S = 2.0
"""How long a command whose supervisor is lost may take to end by itself, as one that had almost done so."""

ORPHAN_POLL_S = 0.02
SWEEP_PAUSE_S = 0.02
LONGEST_SWEEP_PAUSE_S = 2.0

logger = logging.getLogger(__name__)
_orphans = Orphans(STARTED)


class EndReason(Enum):
    """Why a command is ended before its time. The value completes the sentence "ended because ..."."""

    CANCELLED = "the job was cancelled"
    FAILED = "the job failed"
    SHUTDOWN = "the service stops"


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The command does not run, and will not."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The command has ended, and nothing of it runs.

    `exit_status` is None where it did not run, or was lost. `end_reason` is why it was told to end; None when it was
    not.
    """

    exit_status: ExitStatus | None
    end_reason: EndReason | None


Outcome: TypeAlias = NotStarted | Ended


class Work(Protocol):
    """What a run tells its owner."""

    async def before_start(self) -> None:
        """Called before what an earlier start has left in the folder is removed. Raises OSError."""

    async def record_start(self, process: ProcessId) -> None:
        """Record that the process supervises the command, which begins when this returns. Raises UnwritableError."""

    async def look(self) -> None:
        """Called about every LOOK_INTERVAL_S while the command runs."""


class SupervisedRun:
    """Brings one command to its end. `adopted` is the supervisor that an earlier service recorded for it."""

    def __init__(
        self, spec: LaunchSpec, work: Work, retry: WriteRetry, adopted: ProcessId | None, running_s: float = 0.0
    ) -> None:
        """`running_s` is for how long an adopted command has run already."""
        self.end_reason: EndReason | None = None
        self._spec = spec
        self._work = work
        self._retry = retry
        self._supervisor = None if adopted is None else Supervisor(adopted)
        self._is_stopping = False
        self._deadline = self._time() + spec.timeout_s - running_s + MARGIN_S
        self._kill_at = float("inf")
        self._overran = False

    @property
    def process(self) -> ProcessId | None:
        """The supervisor, while the command runs."""
        return None if self._supervisor is None else self._supervisor.process

    def _is_to_end(self) -> bool:
        return self.end_reason is not None

    def end(self, why: EndReason) -> None:
        """End the command before its time. The first reason stays."""
        self.end_reason = self.end_reason or why
        self._terminate()

    def stop(self) -> None:
        """End the command early, as an end that counts."""
        self._is_stopping = True
        self._terminate()

    async def run(self) -> Outcome:
        """Start the command, again when its supervisor is lost, and wait for its end.

        Raises what the owner's methods raise, and UnwritableError or OSError when the service stops in a shortage.
        """
        if (exit_status := await self._earlier_exit()) is not None:
            return Ended(exit_status, self.end_reason)
        for _ in range(START_LIMIT):
            if self._supervisor is None and self.end_reason is None and not self._is_stopping:
                try:
                    await self._retry.until_done(self._start)
                except OSError as error:
                    if self.end_reason is None:
                        return NotStarted(f"could not be started: {error}")
            exit_status = await self._watch()
            is_over = self.end_reason is not None or self._is_stopping
            if is_over or (exit_status is not None and exit_status.is_own_end):
                return Ended(exit_status, self.end_reason)
            # Its supervisor was lost, or stopped by a service that could not record that: it runs again.
            self._supervisor = None
        return NotStarted(f"its supervising process was killed {START_LIMIT} times")

    async def _earlier_exit(self) -> ExitStatus | None:
        """The exit that was never recorded of a command that has none of our supervisors now: it does not run again."""
        if self._supervisor is not None:
            return None
        exit_status = await self._retry.until_read(self._read_exit_status)
        return exit_status if exit_status is not None and exit_status.is_own_end else None

    async def _start(self) -> None:
        if self._is_to_end():
            return
        await self._work.before_start()
        supervisor = await asyncio.to_thread(launch, self._spec)
        try:
            await self._work.record_start(supervisor.process)
        except BaseException:
            await asyncio.to_thread(supervisor.abandon)
            raise
        if self._is_to_end():
            await asyncio.to_thread(supervisor.abandon)
            return
        self._supervisor = supervisor
        self._deadline = self._time() + self._spec.timeout_s + MARGIN_S
        self._kill_at = float("inf")
        supervisor.begin()
        if self._is_stopping:
            self._terminate()

    async def _watch(self) -> ExitStatus | None:
        """Wait for the end of the supervisor, and see to it that there is one."""
        supervisor = self._supervisor
        if supervisor is None:
            return None
        ended = asyncio.ensure_future(supervisor.ended())
        try:
            while not ended.done():
                await asyncio.wait({ended}, timeout=LOOK_INTERVAL_S)
                if not ended.done():
                    self._apply_limits(supervisor)
                    await self._work.look()
            ended.result()
        finally:
            ended.cancel()
        return await self._exit_of(supervisor)

    async def _exit_of(self, supervisor: Supervisor) -> ExitStatus | None:
        """How the command ended, once nothing of it runs any more."""
        exit_status = await self._retry.until_read(self._read_exit_status)
        if exit_status is None and not self._overran:
            exit_status = await self._orphans_exit()
        if exit_status is None or supervisor.was_killed:
            await self._remove_leftovers()
        if exit_status is None and self._overran:
            return ExitStatus(timed_out=True)
        return exit_status

    async def _read_exit_status(self) -> ExitStatus | None:
        # A few bytes of a local file: a thread would take longer.
        return read_exit_status(self._spec.folder.exit_file, self._spec.token)

    async def _orphans_exit(self) -> ExitStatus | None:
        """The exit of a command that has outlived its supervisor for a moment.

        Only a success is one: what else it ends with may come from the loss of its supervisor, which read its output.
        """
        process = read_command_process(self._spec.folder.command_file)
        if process is None or not _orphans.are_parent_of(process):
            return None
        give_up = self._time() + ORPHAN_GRACE_S
        while (code := _orphans.exit_code(process)) is None:
            if self.end_reason is not None or self._time() >= give_up:
                return None
            await asyncio.sleep(ORPHAN_POLL_S)
        return ExitStatus(code=0) if code == 0 else None

    async def _remove_leftovers(self) -> None:
        """Kill what runs of the command; no end is concluded, and nothing starts again, before it is gone."""
        variable = self._spec.environ[METRIC_FILE]
        pause_s, is_logged = SWEEP_PAUSE_S, False
        while left := await asyncio.to_thread(kill_with_variable, METRIC_FILE, variable):
            if pause_s >= LONGEST_SWEEP_PAUSE_S and not is_logged:
                logger.warning("processes %s do not end by SIGKILL; their trial waits for them (%s)", left, variable)
                is_logged = True
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_SWEEP_PAUSE_S)
        await asyncio.to_thread(_orphans.reap)

    def _apply_limits(self, supervisor: Supervisor) -> None:
        """What the supervisor does, as far as it does not: a trial can stop it, and its signals with it."""
        if supervisor.resume():
            logger.warning("the supervisor of %s was stopped, and goes on", self._spec.folder.path)
        if self._time() >= self._deadline and not self._overran and has_children(supervisor.process):
            self._overran = True
            self._terminate()
        if self._time() >= self._kill_at:
            supervisor.kill()

    def _terminate(self) -> None:
        if self._supervisor is not None:
            self._kill_at = min(self._kill_at, self._time() + TERMINATION_GRACE_S + MARGIN_S)
            self._supervisor.terminate()

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()
