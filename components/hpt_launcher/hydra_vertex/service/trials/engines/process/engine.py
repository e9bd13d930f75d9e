"""Runs the workers of one launch as supervised processes of this machine. One object serves one trial or custom job."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from hydra_vertex.service.devices.capacity import left_over
from hydra_vertex.service.machines.reading import WorkerReading, worker_name
from hydra_vertex.service.machines.supervised import measure_supervised
from hydra_vertex.service.system.leftovers import kill_with_variable
from hydra_vertex.service.system.process_identity import is_alive, send_signal
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Launch,
    Missing,
    Queued,
    RefusedError,
    Running,
    State,
    Worker,
)
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason
from hydra_vertex.service.trials.launch import Supervisor
from hydra_vertex.service.trials.launch_spec import Host, Share

from .worker_process import (
    WorkerProcess,
    exit_of,
    find_worker,
    forget_worker,
    has_begun,
    is_end_requested,
    request_end,
    start_worker,
)
from .worker_specs import MARKER, free_ports, gpus_of, marker_value, worker_folder, worker_specs

Place: TypeAlias = tuple[int, int]
Found: TypeAlias = Mapping[Place, WorkerProcess]

SWEEP_LIMIT_S, SWEEP_PAUSE_S = 20.0, 0.05

logger = logging.getLogger(__name__)


class ProcessEngine:
    """A WorkerEngine of this machine. `token` proves that a worker's exit was written by its supervisor."""

    name = "process"

    def __init__(self, host: Host, share: Share, token: str) -> None:
        self._host = host
        self._share = share
        self._token = token
        self._supervisors: list[Supervisor] = []

    def launch(self, launch: Launch) -> None:
        """Start every worker, or none. Raises RefusedError when a process cannot be started."""
        if self._found(launch):
            return
        self._name_left_over(launch)
        try:
            for spec in worker_specs(launch, self._host, self._share, self._token, free_ports(launch)):
                self._supervisors.append(start_worker(spec, launch.id))
        except OSError as error:
            self.remove(launch)
            raise RefusedError(f"its worker {len(self._supervisors)} cannot be started: {error}") from error

    def _name_left_over(self, launch: Launch) -> None:
        gpus, workers = self._share.gpu.split(",") if self._share.gpu else [], len(launch.workers)
        if left := ", ".join(left_over(gpus, workers)):
            logger.warning("%s: %d workers divide %d GPUs, and %s is left over", launch.id, workers, len(gpus), left)

    def observe(self, launch: Launch) -> State:
        """Return the state. A worker that ended unsuccessfully, or a chief that ended, ends the others."""
        self.reap()
        found = self._found(launch)
        if not found:
            return Missing()
        alive = {place for place, one in found.items() if is_alive(one.process)}
        exits = self._exits(launch, found)
        if len(found) < len(launch.workers) or found.keys() - exits.keys() - alive:
            self._kill(launch)
            if is_end_requested(launch):
                return Exited(ExitStatus(stopped=True))
            return Interrupted(Interruption.NODE_LOST, "the supervisor of a worker was killed")
        if not alive:
            return Exited(_decisive(launch, exits))
        if _is_over(launch, exits):
            # A supervisor that does not handle signals yet would end without a record; it is signalled later.
            begun = [found[place] for place in alive if has_begun(worker_folder(launch, place))]
            _send(signal.SIGTERM, begun)
        if all(has_begun(worker_folder(launch, place)) for place in found):
            return Running(max(one.started for one in found.values()))
        return Queued()

    def _exits(self, launch: Launch, found: Found) -> Mapping[Place, ExitStatus]:
        exits = ((place, exit_of(worker_folder(launch, place), self._token, one)) for place, one in found.items())
        return {place: exit_status for place, exit_status in exits if exit_status is not None}

    def fetch(self, launch: Launch) -> None:
        """Do nothing: the chief writes into the trial's folder."""

    def end(self, launch: Launch) -> None:
        """Send SIGTERM to every worker; its supervisor sends SIGKILL after the grace period."""
        if found := self._found(launch):
            request_end(launch)
            _send(signal.SIGTERM, found.values())

    def remove(self, launch: Launch) -> None:
        """Kill what still runs, and remove the records by which the workers are found."""
        self._kill(launch)
        for worker in launch.workers:
            forget_worker(worker_folder(launch, worker.place))

    def measure(self, launch: Launch) -> tuple[WorkerReading, ...]:
        """Return what the workers use now. Raises NotMeasuredError."""
        readings: list[WorkerReading] = []
        resources = self._host.resources
        for number, worker in enumerate(launch.workers):
            found = find_worker(worker_folder(launch, worker.place), launch.id)
            if found is not None:
                readings += measure_supervised(
                    found.process,
                    gpu=gpus_of(self._share.gpu, number, len(launch.workers)),
                    shares_gpu=(resources.trials_per_gpu or 1) > 1,
                    memory_limit_bytes=resources.memory_bytes,
                    worker=worker_name(*worker.place),
                )
        return tuple(readings)

    def _kill(self, launch: Launch) -> None:
        _send(signal.SIGKILL, self._found(launch).values())
        give_up = time.monotonic() + SWEEP_LIMIT_S
        while any(self._kill_leftovers(launch)) and time.monotonic() < give_up:
            time.sleep(SWEEP_PAUSE_S)
        self.reap()

    def known_ids(self) -> frozenset[str]:
        """Return none: a process is found by the record in its worker's folder."""
        return frozenset()

    def _found(self, launch: Launch) -> Found:
        """Return the workers of the launch that have been started."""
        pairs = ((one.place, find_worker(worker_folder(launch, one.place), launch.id)) for one in launch.workers)
        return {place: found for place, found in pairs if found is not None}

    def _kill_leftovers(self, launch: Launch) -> Iterator[bool]:
        for worker in launch.workers:
            yield bool(kill_with_variable(MARKER, marker_value(launch, worker.place)))

    def reap(self) -> bool:
        """Reap the supervisors that have ended. Return whether one of this object's still runs."""
        self._supervisors = [supervisor for supervisor in self._supervisors if not supervisor.has_ended()]
        return bool(self._supervisors)


def _send(number: int, workers: Iterable[WorkerProcess]) -> None:
    for one in workers:
        send_signal(one.process, number)


def _is_over(launch: Launch, exits: Mapping[Place, ExitStatus]) -> bool:
    """Whether the launch is decided while workers still run: the chief has ended, or another one has failed."""
    return launch.workers[0].place in exits or any(not exit_status.is_success for exit_status in exits.values())


def _decisive(launch: Launch, exits: Mapping[Place, ExitStatus]) -> ExitStatus:
    """Return the exit of the launch: the first failure of its own, of the chief at first, else that of the chief."""
    for worker in launch.workers:
        exit_status = exits[worker.place]
        if not exit_status.is_success and exit_status.is_own_end:
            return _described(launch, worker, exit_status)
    return exits[launch.workers[0].place]


def _described(launch: Launch, worker: Worker, exit_status: ExitStatus) -> ExitStatus:
    """Name the worker and its log, unless it is the chief, whose log is the trial's."""
    if worker == launch.workers[0]:
        return exit_status
    reason = failure_reason(exit_status, launch.timeout_s)
    log = worker_folder(launch, worker.place).log
    return replace(exit_status, detail=f"its worker {worker.replica} of pool {worker.pool} {reason}; its log is {log}")
