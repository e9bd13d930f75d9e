"""Runs a command under a supervisor on this machine, from its start or adoption to its end."""

from __future__ import annotations

import asyncio
import logging

from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.machines.reading import WorkerReading
from hydra_vertex.service.machines.supervised import measure_supervised
from hydra_vertex.service.system.leftovers import Orphans, has_children, kill_with_variable
from hydra_vertex.service.system.process_identity import ProcessId

from .command_file import read_command_process
from .exit_status import ExitStatus, read_exit_status
from .launch import STARTED, Supervisor, launch
from .launch_spec import TERMINATION_GRACE_S, LaunchSpec
from .run import Ended, EndReason, NotStarted, Outcome, Work

LOOK_INTERVAL_S = 0.5
"""One look takes 2 µs, and 1.5 ms when there are new reports: acceptable with 100 trials that report continuously."""

START_LIMIT = 6
"""Maximum starts of a command whose supervisor is killed: one, plus the number of times Vertex AI restarts a worker."""

MARGIN_S = 10.0
"""A supervisor that exceeds its deadline by this is killed: a trial may have stopped it."""

ORPHAN_GRACE_S = 2.0
"""How long the service waits for a command whose supervisor was killed to exit by itself."""

ORPHAN_POLL_S = 0.02
SWEEP_PAUSE_S = 0.02
LONGEST_SWEEP_PAUSE_S = 2.0

logger = logging.getLogger(__name__)
_orphans = Orphans(STARTED)


class SupervisedRun:
    """Runs one command to its end. `adopted` is the supervisor that an earlier service recorded for it."""

    is_waiting = False

    def __init__(
        self, spec: LaunchSpec, work: Work, retry: WriteRetry, adopted: ProcessId | None, running_s: float = 0.0
    ) -> None:
        """`running_s` is how long an adopted command has already run, in seconds."""
        self.end_reason: EndReason | None = None
        self._spec = spec
        self._work = work
        self._retry = retry
        self._supervisor = None if adopted is None else Supervisor(adopted)
        self._is_stopping = False
        self._deadline = self._time() + spec.timeout_s - running_s + MARGIN_S
        self._kill_at = float("inf")
        self._has_timed_out = False

    @property
    def process(self) -> ProcessId | None:
        """The supervisor, while the command runs."""
        return None if self._supervisor is None else self._supervisor.process

    @property
    def is_running(self) -> bool:
        """Whether the command has a supervisor."""
        return self._supervisor is not None

    def measure(self) -> tuple[WorkerReading, ...]:
        """Return what the command uses now. Raises NotMeasuredError."""
        supervisor, spec = self._supervisor, self._spec
        if supervisor is None:
            return ()
        return measure_supervised(
            supervisor.process,
            gpu=spec.gpu,
            shares_gpu=spec.shares_gpu,
            memory_limit_bytes=spec.memory_limit_bytes,
        )

    def _is_to_end(self) -> bool:
        return self.end_reason is not None

    def end(self, why: EndReason) -> None:
        """Request the end of the command. The first reason is kept."""
        self.end_reason = self.end_reason or why
        self._terminate()

    def stop(self) -> None:
        """Stop the command early. The trial is then judged by its reports."""
        self._is_stopping = True
        self._terminate()

    async def run(self) -> Outcome:
        """Start the command, again when its supervisor was killed, and wait for its end.

        Raises the errors of the owner's methods, and UnwritableError or OSError when the service stops in a shortage.
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
            # The supervisor was killed, or stopped by a service that could not record that: start the command again.
            self._supervisor = None
        return NotStarted(f"its supervisor process was killed {START_LIMIT} times")

    async def _earlier_exit(self) -> ExitStatus | None:
        """The exit of a command without a supervisor that ended before an earlier service could record it."""
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
        """Wait for the end of the supervisor, and enforce the limits in its place if it does not."""
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
        """How the command ended. Returns when none of its processes runs any more."""
        exit_status = await self._retry.until_read(self._read_exit_status)
        if exit_status is None and not self._has_timed_out:
            exit_status = await self._orphans_exit()
        if exit_status is None or supervisor.was_killed:
            await self._remove_leftovers()
        if exit_status is None and self._has_timed_out:
            return ExitStatus(timed_out=True)
        return exit_status

    async def _read_exit_status(self) -> ExitStatus | None:
        # A few bytes of a local file: dispatching to a thread would take longer.
        return read_exit_status(self._spec.folder.exit_file, self._spec.token)

    async def _orphans_exit(self) -> ExitStatus | None:
        """The exit of a command that ended after its supervisor was killed.

        Only a success counts: another exit may be caused by the loss of the supervisor, which read its output.
        """
        process = read_command_process(self._spec.folder.command_file)
        if process is None or not _orphans.include(process):
            return None
        give_up = self._time() + ORPHAN_GRACE_S
        while (code := _orphans.exit_code(process)) is None:
            if self.end_reason is not None or self._time() >= give_up:
                return None
            await asyncio.sleep(ORPHAN_POLL_S)
        return ExitStatus(code=0) if code == 0 else None

    async def _remove_leftovers(self) -> None:
        """Kill the remaining processes of the command, and wait until they are gone."""
        marker = self._spec.marker
        variable = self._spec.environ[marker]
        pause_s, is_logged = SWEEP_PAUSE_S, False
        while left := await asyncio.to_thread(kill_with_variable, marker, variable):
            if pause_s >= LONGEST_SWEEP_PAUSE_S and not is_logged:
                logger.warning("processes %s do not end after SIGKILL; their trial waits for them (%s)", left, variable)
                is_logged = True
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_SWEEP_PAUSE_S)
        await asyncio.to_thread(_orphans.reap)

    def _apply_limits(self, supervisor: Supervisor) -> None:
        """Enforce the limits in place of a supervisor that does not: a trial can stop it (SIGSTOP)."""
        if supervisor.resume():
            logger.warning("the supervisor of %s was stopped (SIGSTOP) and has been resumed", self._spec.folder.path)
        if self._time() >= self._deadline and not self._has_timed_out and has_children(supervisor.process):
            self._has_timed_out = True
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
