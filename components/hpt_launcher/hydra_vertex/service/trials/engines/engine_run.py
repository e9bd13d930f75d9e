"""Runs one trial or custom job with an engine: launches it, follows it to its end, and launches it again when lost."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, TypeVar

from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.machines.reading import NotMeasuredError, WorkerReading
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.trials.exit_status import ExitStatus
from hydra_vertex.service.trials.run import Ended, EndReason, NotStarted, Outcome, Work

from .contract import (
    Exited,
    Interrupted,
    Interruption,
    Launch,
    MeasuresWorkers,
    Missing,
    Queued,
    Refused,
    RefusedError,
    Running,
    State,
    UnavailableError,
    WorkerEngine,
)
from .launch_record import LaunchRecord, read_record, write_record

P = ParamSpec("P")
T = TypeVar("T")

FIRST_POLL_S, LONGEST_POLL_S = 0.2, 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
UNAVAILABLE_LIMIT_S = 6 * 3600.0
"""How long to wait for an engine that does not answer. The trial then fails, with the id of its launch, which is
removed when the engine answers again: `service.engine.engine_leftovers`."""

FORCE_AFTER_S = 30.0
"""Workers that still run this long after their grace period are removed from the engine."""

INTERRUPTION_LIMITS = {
    Interruption.PREEMPTED: 100,
    Interruption.NODE_LOST: 6,
    Interruption.EVICTED: 6,
    Interruption.REMOVED: 6,
}
"""How often a trial is launched again after each kind of interruption."""

THREADS = 32
"""Not asyncio's own threads: calls to an engine that does not answer would occupy those of the database."""

logger = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")


@dataclass(frozen=True, slots=True)
class EngineOrder:
    """One trial or custom job for an engine. The id of `launch` is a prefix, to which each attempt adds its number."""

    engine: WorkerEngine
    launch: Launch

    @property
    def folder(self) -> TrialFolder:
        """The trial's folder on this machine."""
        return self.launch.folder

    def attempt(self, number: int) -> Launch:
        """Return the launch of one attempt; the first is 1."""
        return dataclasses.replace(self.launch, id=f"{self.launch.id}-{number}")


class EngineRun:
    """Runs one order to its end. What an earlier service has launched is found by the record in the trial's folder."""

    process: ProcessId | None = None

    def __init__(self, order: EngineOrder, work: Work, retry: WriteRetry) -> None:
        self.end_reason: EndReason | None = None
        self.is_running = False
        self.is_waiting = False
        self._order = order
        self._engine = order.engine
        self._work = work
        self._retry = retry
        self._record = LaunchRecord(1)
        self._is_found = False
        self._is_stopping = False
        self._is_end_requested = False
        self._force_at = float("inf")
        self._queue_detail = ""
        self._is_launching = False
        self._launched_at = float("-inf")
        self._deadline = float("inf")
        self._wakeup = asyncio.Event()

    @property
    def _is_to_end(self) -> bool:
        return self.end_reason is not None or self._is_stopping

    def measure(self) -> Sequence[WorkerReading]:
        """Return what the workers use now. Raises NotMeasuredError, UnavailableError."""
        if not isinstance(self._engine, MeasuresWorkers):
            raise NotMeasuredError(f"the engine {self._engine.name} does not say what its workers use")
        return self._engine.measure(self._order.attempt(self._record.attempt)) if self.is_running else ()

    def end(self, why: EndReason) -> None:
        """Request the end. The first reason is kept."""
        self.end_reason = self.end_reason or why
        self._wakeup.set()

    def stop(self) -> None:
        """Stop it early. The trial is then judged by its reports."""
        self._is_stopping = True
        self._wakeup.set()

    async def run(self) -> Outcome:
        """Launch the order, again when it was lost, and wait for its end.

        Raises the errors of the owner's methods, and UnavailableError when the service stops and the engine does not
        confirm the end: the next service then finds the launch.
        """
        record = await self._retry.until_read(self._read_record)
        self._record = record or LaunchRecord(1)
        self._is_found = record is not None
        while True:
            try:
                ended = await self._run_attempt(self._order.attempt(self._record.attempt))
            except UnavailableError as error:
                launch_id = self._order.attempt(self._record.attempt).id
                if self.end_reason is EndReason.SHUTDOWN:
                    raise UnavailableError(
                        f"{error}; its launch {launch_id} may still run until the next start of the service"
                    ) from error
                return NotStarted(
                    f"{error}; its launch {launch_id} may still run: the service removes it when the engine answers"
                )
            if not isinstance(ended, Interrupted):
                return ended
            if self._is_to_end:  # the record keeps this attempt, which may not be removed yet
                return Ended(None, self.end_reason)
            if self._record.interruptions.get(ended.cause, 0) >= INTERRUPTION_LIMITS[ended.cause]:
                return NotStarted(_described(ended, INTERRUPTION_LIMITS[ended.cause] + 1))
            logger.warning("%s; it runs again", _described(ended, self._record.interruptions.get(ended.cause, 0) + 1))
            await self._put(self._record.next(ended.cause))

    async def _read_record(self) -> LaunchRecord | None:
        return read_record(self._order.folder.launch_file)

    async def _put(self, record: LaunchRecord) -> None:
        """Write the record, then take it over. Waits while the disk is full."""

        async def write() -> None:
            await asyncio.to_thread(write_record, self._order.folder.launch_file, record)

        await self._retry.until_done(write)
        self._record = record

    async def _run_attempt(self, launch: Launch) -> Outcome | Interrupted:
        """Run one attempt to its end, and remove it from the engine."""
        self.is_running, self.is_waiting, self._launched_at = False, False, float("-inf")
        self._is_end_requested, self._force_at = False, float("inf")
        if self._record.exit_status is not None:
            return await self._conclude_earlier(launch, self._record.exit_status)
        if not self._record.is_accepted:
            refused = await self._launch(launch)
            if refused is not None:
                return refused
        ended = await self._follow(launch)
        await self._remove(launch)
        return await self._run_next() if self._was_ended_by_earlier_service() else ended

    async def _conclude_earlier(self, launch: Launch, exit_status: ExitStatus) -> Outcome | Interrupted:
        """Return the end that an earlier service recorded."""
        await self._remove(launch)
        if self._was_ended_by_earlier_service():
            return await self._run_next()
        is_requested = exit_status.stopped and self._record.is_ending
        return Ended(None if is_requested else exit_status, self.end_reason)

    def _was_ended_by_earlier_service(self) -> bool:
        """Whether an earlier service requested the end when it stopped, so that the trial has to run again."""
        exit_status = self._record.exit_status
        is_requested = exit_status is not None and exit_status.stopped and self._record.is_ending
        return is_requested and not self._is_to_end

    async def _run_next(self) -> Outcome | Interrupted:
        await self._put(self._record.next())
        return await self._run_attempt(self._order.attempt(self._record.attempt))

    async def _launch(self, launch: Launch) -> Outcome | None:
        """Launch the attempt. Return how the run ended when the engine refuses it, or its end was requested before."""
        if self._is_to_end:
            await self._remove(launch)  # an earlier service may have launched it without recording that
            return Ended(None, self.end_reason)
        is_launched = self._is_found and not isinstance(await self._call(self._engine.observe, launch), Missing)
        self._is_found = False
        if is_launched:
            await self._put(dataclasses.replace(self._record, is_accepted=True))
            return None
        await self._retry.until_done(self._work.before_start)
        await self._retry.until_done(self._clear)
        await self._put(self._record)  # the id is known before the launch
        self._launched_at = asyncio.get_running_loop().time()
        try:
            await self._call_launch(launch)
        except RefusedError as error:
            await self._remove(launch)
            return NotStarted(f"could not be started: {error}")
        except UnavailableError:
            if self.end_reason is EndReason.SHUTDOWN or not self._wakeup.is_set():
                raise
            await self._remove(launch)  # the engine may have received it
            return Ended(None, self.end_reason)
        await self._put(dataclasses.replace(self._record, is_accepted=True))
        return None

    async def _call_launch(self, launch: Launch) -> None:
        """Launch, again while the engine does not answer, until the end is requested."""
        self._is_launching = True
        try:
            await self._call(self._engine.launch, launch)
        finally:
            self._is_launching = False

    async def _clear(self) -> None:
        await asyncio.to_thread(self._order.folder.clear)

    async def _follow(self, launch: Launch) -> Outcome | Interrupted:
        """Follow an accepted launch to its end. A return of Ended is recorded."""
        pause_s = FIRST_POLL_S
        while True:
            if self._is_to_end or self._record.is_ending or self._record.has_timed_out:
                await self._request_end(launch)  # again what an earlier service requested: it may not have arrived
            state = await self._call(self._engine.observe, launch)
            ended = await self._ended(launch, state)
            if ended is not None:
                return ended
            await self._look(launch, state)
            await self._pause(pause_s)
            pause_s = min(1.5 * pause_s, LONGEST_POLL_S)

    async def _ended(self, launch: Launch, state: State) -> Outcome | Interrupted | None:
        """Return how the launch ended; None while it has not."""
        match state:
            case Queued() | Running():
                return None
            case Refused(detail):
                return NotStarted(f"could not be started: {detail}")
            case Exited(exit_status):
                return await self._record_exit(launch, exit_status)
            case Interrupted() | Missing() if self._is_to_end or self._record.is_ending or self._record.has_timed_out:
                return await self._record_exit(launch, ExitStatus(stopped=True))
            case Missing():
                return Interrupted(Interruption.REMOVED, "the engine does not know it any more")
            case Interrupted():
                await self._fetch(launch)
                return state

    async def _record_exit(self, launch: Launch, exit_status: ExitStatus) -> Ended | Interrupted:
        if exit_status.started is not None and not self.is_running:
            await self._retry.until_done(self._work.record_start, None, exit_status.started)
        await self._fetch(launch)
        if self._record.has_timed_out:
            exit_status = dataclasses.replace(exit_status, timed_out=True, stopped=False)
        elif self._record.is_ending:
            exit_status = dataclasses.replace(exit_status, stopped=True)
        elif exit_status.stopped and not self._is_to_end:
            return Interrupted(Interruption.REMOVED, "its end was requested, but not by this service")
        await self._put(dataclasses.replace(self._record, exit_status=exit_status))
        self.is_running = False
        return Ended(exit_status, self.end_reason)

    async def _look(self, launch: Launch, state: State) -> None:
        """Record what a waiting or running launch has reported, and apply its time limit."""
        match state:
            case Queued(detail):
                self.is_waiting = True
                await self._note_requeue(launch)
                if detail and detail != self._queue_detail:
                    logger.warning("%s waits: %s", launch.id, detail)
                    self._queue_detail = detail
            case Running(started):
                self.is_waiting = False
                if not self.is_running:
                    await self._retry.until_done(self._work.record_start, None, started)
                    self.is_running, self._deadline = True, self._deadline_of(launch, started)
                await self._fetch(launch)
                await self._work.look()
                is_late = asyncio.get_running_loop().time() >= self._deadline
                if is_late and not self._is_end_requested:
                    await self._put(dataclasses.replace(self._record, has_timed_out=True))
        if asyncio.get_running_loop().time() >= self._force_at:
            logger.warning("%s does not end; it is removed", launch.id)
            await self._call(self._engine.remove, launch)
            self._force_at = asyncio.get_running_loop().time() + FORCE_AFTER_S

    def _deadline_of(self, launch: Launch, started: datetime) -> float:
        """Return when the time limit ends, by this machine's clock.

        The engine's clock may differ: a launch of this service has not run for longer than since it was launched.
        """
        time_s = asyncio.get_running_loop().time()
        running_s = min(max(0.0, (now() - started).total_seconds()), time_s - self._launched_at)
        return time_s + launch.timeout_s - running_s

    async def _note_requeue(self, launch: Launch) -> None:
        """Keep the reports of a run after which the engine itself queued the launch again: it then has a new start."""
        if self.is_running:
            await self._fetch(launch)
            await self._retry.until_done(self._work.before_start)
            self.is_running = False

    async def _request_end(self, launch: Launch) -> None:
        """Request the end from the engine, after the record says so: a later service then judges the exit right."""
        if self._is_end_requested:
            return
        if not self._record.has_timed_out and not self._record.is_ending:
            await self._put(dataclasses.replace(self._record, is_ending=True))
        await self._call(self._engine.end, launch)
        self._is_end_requested = True
        self._force_at = asyncio.get_running_loop().time() + launch.grace_s + FORCE_AFTER_S

    async def _fetch(self, launch: Launch) -> None:
        """Bring the log and the reports here."""
        await self._call(self._engine.fetch, launch)

    async def _remove(self, launch: Launch) -> None:
        """Remove the launch from the engine. A service that stops leaves this to the next one."""
        try:
            await self._call(self._engine.remove, launch)
        except UnavailableError as error:
            logger.warning(
                "%s was not removed, the service does that later, or at its next start: %s", launch.id, error
            )

    async def _call(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the engine in a thread, again while it does not answer. Raises UnavailableError after the limit.

        An OSError, such as that of a full disk, is such an answer too: the workers may run, so they must be followed.
        """
        loop = asyncio.get_running_loop()
        give_up, pause_s = loop.time() + UNAVAILABLE_LIMIT_S, FIRST_PAUSE_S
        while True:
            try:
                return await loop.run_in_executor(_threads, lambda: act(*args, **kwargs))
            except (UnavailableError, OSError) as error:
                is_pointless = self._is_launching and self._is_to_end
                if loop.time() >= give_up or self.end_reason is EndReason.SHUTDOWN or is_pointless:
                    raise UnavailableError(str(error)) from error
                if pause_s == FIRST_PAUSE_S:
                    logger.warning("%s: %s", self._order.launch.id, error)
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _pause(self, pause_s: float) -> None:
        """Wait, until an end is requested at the longest."""
        if self._is_to_end:
            await asyncio.sleep(pause_s)
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wakeup.wait(), pause_s)


def _described(interrupted: Interrupted, times: int) -> str:
    detail = f" ({interrupted.detail})" if interrupted.detail else ""
    often = "" if times == 1 else f" for the {times}. time"
    return f"the trial was {interrupted.cause.value}{detail}{often}"
