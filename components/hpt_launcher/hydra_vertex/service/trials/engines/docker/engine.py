"""The engine that runs each worker of a trial as a container of a Docker engine."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from hydra_vertex.service.machines.reading import WorkerReading, worker_name
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Launch,
    Missing,
    Queued,
    Refused,
    RefusedError,
    Running,
    State,
    UnavailableError,
    Worker,
)
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason

from .causes import Memory, end_of_removed, interruption
from .client import Client
from .container import GPUS_LABEL, HOST_NETWORK, LAUNCH_LABEL, SERVICE_LABEL, container_document, gpu_count
from .fetching import Fetching
from .folders import ContainerUser, make_folders
from .free_ports import free_ports
from .gpu_choice import free_devices, split
from .images import Images
from .inspection import Container, labels_of, read_container
from .places import container_name, worker_log
from .record import DockerRecord, delete_record, read_record, write_record
from .settings import DockerSettings
from .usage import gpus_of, reading_of
from .verdict import decisive, is_stopped

KILLED_BY_US = ExitStatus(signal=9, stopped=True)
NO_IMAGE = ("", "local")
"""What a job has that was made for processes of a machine."""

HOLDING = frozenset({"created", "running", "paused", "restarting"})
"""The states of containers that have GPUs."""

EVENT_DELAY_S = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engine:
    """What was found out about the engine and the machine before anything starts. `place` is the engine's machine."""

    client: Client
    settings: DockerSettings
    user: ContainerUser
    service_id: str
    place: str = ""
    gpu_pool: tuple[str, ...] = ()
    has_live_restore: bool = False


class DockerEngine:
    """Implements `WorkerEngine`: one container a worker.

    What it keeps in memory (threads, positions in logs) is found again or repeated after a restart of the service.
    """

    name = "docker"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client = engine.client
        self._images = Images(engine.client, engine.settings.pull)
        self._fetching = Fetching(engine.client)
        self._gpu_lock = threading.Lock()
        self._stops: dict[str, threading.Thread] = {}

    def address(self) -> dict[str, str]:
        """Return the address of the Docker engine."""
        return {"host": self._client.host}

    def launch(self, launch: Launch) -> None:
        """Write the launch down, and start its containers if its images are there and its GPUs are free."""
        if read_record(launch) is not None:
            return
        self._check(launch)
        record = DockerRecord(ports=self._ports(launch))
        write_record(launch, record)
        self._advance(launch, record)

    def observe(self, launch: Launch) -> State:
        """Return the state of the containers; start those that wait; end the others when one has ended."""
        record = read_record(launch)
        if record is None:
            return Missing()
        if not record.is_created:
            try:
                waiting = self._advance(launch, record)
            except RefusedError as error:
                return Refused(str(error))
            if waiting is not None:
                return waiting
            record = replace(record, is_created=True)
        return self._observed(launch, record)

    def fetch(self, launch: Launch) -> None:
        """Copy the logs of all workers, and the chief's metric file."""
        if read_record(launch) is not None:
            self._fetching.fetch(launch)

    def end(self, launch: Launch) -> None:
        """Request the end; the engine sends SIGKILL by its own timer, also when this process has ended."""
        record = read_record(launch)
        if record is None:
            return
        found = self._inspected(launch)
        running = {name: container for name, container in found.items() if container and container.is_running}
        if not running:
            if not any(container is not None and container.has_ended for container in found.values()):
                self._withdraw(launch, record)
            return
        if record.end_requested is None:
            write_record(launch, replace(record, end_requested=now()))
        for name in running:
            self._stop(name, launch.grace_s)

    def remove(self, launch: Launch) -> None:
        """Kill and remove the containers, and what the engine wrote down."""
        for entry in self._client.containers({SERVICE_LABEL: self._engine.service_id, LAUNCH_LABEL: launch.id}):
            self._client.remove(str(entry["Id"]))
        self._fetching.forget(launch)
        self._images.forget(launch.id)
        for worker in launch.workers:
            self._stops.pop(container_name(launch, worker), None)
        delete_record(launch)

    def measure(self, launch: Launch) -> tuple[WorkerReading, ...]:
        """Return what the containers use now. Raises UnavailableError."""
        found = (self._measured(launch, worker) for worker in launch.workers)
        return tuple(reading for reading in found if reading is not None)

    def _measured(self, launch: Launch, worker: Worker) -> WorkerReading | None:
        name = container_name(launch, worker)
        document = self._client.inspect(name)
        container = None if document is None else read_container(document)
        if document is None or container is None or not container.is_running:
            return None
        stats = self._client.stats(name)
        label = str(labels_of(document).get(GPUS_LABEL) or "")
        gpu = gpus_of(label, is_here=self._client.host.startswith("unix:"))
        cpus, place = self._engine.settings.cpus, worker_name(*worker.place)
        return None if stats is None else reading_of(place, container.id, stats, cpus=cpus, gpu=gpu)

    def known_ids(self) -> frozenset[str]:
        """Return the ids of this service's launches that have containers."""
        entries = self._client.containers({SERVICE_LABEL: self._engine.service_id})
        return frozenset(str(labels_of(entry)[LAUNCH_LABEL]) for entry in entries if LAUNCH_LABEL in labels_of(entry))

    def _ports(self, launch: Launch) -> tuple[int, ...]:
        """Ports of this machine that are free now, when several workers have its network."""
        is_shared = len(launch.workers) > 1 and self._engine.settings.network == HOST_NETWORK
        try:
            return free_ports(len(launch.workers) + 1) if is_shared else ()
        except OSError as error:
            raise UnavailableError(f"no free ports can be found: {error}") from error

    def _check(self, launch: Launch) -> None:
        network = self._engine.settings.network
        if len(launch.workers) > 1 and network in {"bridge", "none"}:
            raise RefusedError(
                f"{len(launch.workers)} workers cannot reach each other on Docker's network {network!r}: set `network` "
                "to host, or to a network of your own (`docker network create NAME`)"
            )
        for worker in launch.workers:
            if worker.image in NO_IMAGE:
                raise RefusedError(f"containerSpec.imageUri: {worker.image!r} is no image; name the app's (--image)")
            devices = [str(number) for number in range(gpu_count(worker, self._engine.settings))]
            container_document(launch, worker, self._engine.settings, self._engine.service_id, devices)

    def _advance(self, launch: Launch, record: DockerRecord) -> Queued | None:
        """Create and start what is missing of a launch. Returns what it waits for. Raises RefusedError."""
        images = {worker.image for worker in launch.workers}
        pulled = [image for image in sorted(images) if not self._images.is_ready(image, launch.id)]
        if pulled:
            return Queued(f"pulls {', '.join(pulled)}")
        try:
            make_folders(launch, self._engine.user)
        except OSError as error:
            raise UnavailableError(f"the trial's folders cannot be made: {error}") from error
        waiting = self._create(launch, record.ports)
        if waiting is None:
            write_record(launch, replace(record, is_created=True))
            self._start(launch, [container_name(launch, worker) for worker in launch.workers])
        return waiting

    def _start(self, launch: Launch, names: list[str]) -> None:
        """Start containers. Raises RefusedError, after all have been killed."""
        try:
            for name in names:
                self._client.start(name)
        except RefusedError:
            for name, container in self._inspected(launch).items():
                if container is not None and container.is_running:
                    self._client.kill(name)
            raise

    def _create(self, launch: Launch, ports: tuple[int, ...]) -> Queued | None:
        settings = replace(self._engine.settings, user=self._engine.user.text)
        self._remove_created(launch)
        counts = [gpu_count(worker, settings) for worker in launch.workers]
        if not sum(counts) or not self._engine.gpu_pool:
            self._create_with(launch, settings, ((),) * len(launch.workers), ports)
            return None
        # Containers that are created have their GPUs: two launches must not choose at the same time.
        with self._gpu_lock:
            free = free_devices(self._engine.gpu_pool, self._used_gpus(launch))
            shares = split(free, counts)
            if shares is not None:
                self._create_with(launch, settings, shares, ports)
                return None
        if sum(counts) > len(self._engine.gpu_pool):
            raise RefusedError(
                f"the trial needs {sum(counts)} GPUs, and this engine has {len(self._engine.gpu_pool)}: "
                f"{', '.join(self._engine.gpu_pool)}"
            )
        return Queued(f"waits for {sum(counts)} of the GPUs {', '.join(self._engine.gpu_pool)}")

    def _remove_created(self, launch: Launch) -> None:
        """Remove the containers that a service created before it was killed: their GPUs may be others by now."""
        for entry in self._client.containers({LAUNCH_LABEL: launch.id}):
            if entry.get("State") == "created":
                self._client.remove(str(entry["Id"]))

    def _create_with(
        self, launch: Launch, settings: DockerSettings, shares: tuple[tuple[str, ...], ...], ports: tuple[int, ...]
    ) -> None:
        for worker, gpus in zip(launch.workers, shares, strict=True):
            document = container_document(launch, worker, settings, self._engine.service_id, gpus, ports)
            self._client.create(container_name(launch, worker), document)

    def _used_gpus(self, launch: Launch) -> list[str]:
        """The GPUs of all containers but this launch's own, which an earlier service may have created."""
        entries = self._client.containers({GPUS_LABEL: ""})
        labels = [labels_of(entry) for entry in entries if entry.get("State") in HOLDING]
        return [str(found[GPUS_LABEL]) for found in labels if found.get(LAUNCH_LABEL) != launch.id]

    def _inspected(self, launch: Launch) -> dict[str, Container | None]:
        return {
            name: self._container(launch, name)
            for name in (container_name(launch, worker) for worker in launch.workers)
        }

    def _container(self, launch: Launch, name: str) -> Container | None:
        document = self._client.inspect(name)
        if document is None or labels_of(document).get(LAUNCH_LABEL) != launch.id:
            return None
        container = read_container(document)
        return None if container.is_gone else container

    def _observed(self, launch: Launch, record: DockerRecord) -> State:
        found = self._inspected(launch)
        if record.end_requested is None:
            refused = self._start_created(launch, found)
            if refused is not None:
                return refused
        present = {name: container for name, container in found.items() if container is not None}
        running = [name for name, container in present.items() if container.is_running]
        is_ending = record.end_requested is not None or len(present) < len(found)
        index = decisive([container or _NOT_THERE for container in found.values()])
        if running:
            if is_ending or index is not None:
                for name in running:
                    self._stop(name, launch.grace_s)
            return self._running(present)
        return self._ended(launch, found, index, record.end_requested)

    def _start_created(self, launch: Launch, found: dict[str, Container | None]) -> Refused | None:
        """Start the containers that were created only: the service was killed in between, or the start failed."""
        waiting = [name for name, item in found.items() if item and not item.is_running and not item.has_ended]
        if not waiting or any(item is None for item in found.values()):
            return None
        try:
            self._start(launch, waiting)
        except RefusedError as error:
            return Refused(str(error))
        found.update({name: self._container(launch, name) for name in waiting})
        return None

    def _running(self, present: Mapping[str, Container]) -> Running:
        started = [container.started for container in present.values() if container.started is not None]
        return Running(max(started, default=now()), self._engine.place)

    def _ended(
        self, launch: Launch, found: Mapping[str, Container | None], index: int | None, end_requested: datetime | None
    ) -> State:
        names = list(found)
        if index is not None:
            container = found[names[index]] or _NOT_THERE
            stopped = is_stopped(container, end_requested)
            cause = None if stopped else self._interruption(container)
            return cause or Exited(_described(launch, index, container.exit_status(stopped=stopped)))
        if end_requested is not None:
            return Exited(KILLED_BY_US)
        missing = [name for name, container in found.items() if container is None]
        if missing:
            return end_of_removed(missing[0], self._memory())
        return Interrupted(Interruption.REMOVED, "its containers were not started")

    def _interruption(self, container: Container) -> Interrupted | None:
        """Return why a container ended that ended by no request of this service."""
        found = interruption(container, self._memory())
        if found is not None and found.cause is Interruption.NODE_LOST:
            # No event of the end: it may only be late, and a wrong verdict would run the trial again.
            time.sleep(EVENT_DELAY_S)
            return interruption(container, self._memory())
        return found

    def _memory(self) -> Memory:
        events = self._client.events(datetime.now(timezone.utc).timestamp())
        return Memory(events, self._engine.has_live_restore)

    def _stop(self, name: str, grace_s: float) -> None:
        """Request the end of a container in a thread, unless one does already."""
        thread = self._stops.get(name)
        if thread is None or not thread.is_alive():
            self._stops[name] = thread = threading.Thread(
                target=self._stop_now, args=(name, grace_s), name=f"stop {name}", daemon=True
            )
            thread.start()

    def _stop_now(self, name: str, grace_s: float) -> None:
        try:
            self._client.stop(name, grace_s)
        except UnavailableError as error:
            logger.warning("%s could not be stopped, which is tried again: %s", name, error)

    def _withdraw(self, launch: Launch, record: DockerRecord) -> None:
        """Remove a launch that never started."""
        if record.is_created and all(container is None for container in self._inspected(launch).values()):
            return  # somebody else has removed its containers
        self.remove(launch)


_NOT_THERE = Container(is_running=False, exit_code=0)


def _described(launch: Launch, index: int, exit_status: ExitStatus) -> ExitStatus:
    """Name the worker and its log, unless it is the chief, whose log is the trial's."""
    if index == 0 or exit_status.stopped:
        return exit_status
    worker = launch.workers[index]
    reason = failure_reason(exit_status, launch.timeout_s)
    log = worker_log(launch, worker)
    return replace(exit_status, detail=f"its worker {worker.replica} of pool {worker.pool} {reason}; its log is {log}")
