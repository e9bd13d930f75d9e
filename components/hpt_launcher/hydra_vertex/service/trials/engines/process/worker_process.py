"""One worker on this machine: its supervisor, the record of it in the worker's folder, and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.whole_file import write_whole
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.system.process_identity import ProcessId, is_alive
from hydra_vertex.service.system.untrusted_files import read_end, remove
from hydra_vertex.service.trials.engines.contract import Launch
from hydra_vertex.service.trials.exit_status import ExitStatus, read_exit_status
from hydra_vertex.service.trials.launch import Supervisor
from hydra_vertex.service.trials.launch import launch as launch_supervisor
from hydra_vertex.service.trials.launch_spec import LaunchSpec

RECORD_BYTES = 1 << 10


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """The supervisor of a worker of the launch `launch_id`, and when it was started."""

    launch_id: str
    process: ProcessId
    started: datetime


def start_worker(spec: LaunchSpec, launch_id: str) -> Supervisor:
    """Start a worker, recorded before its command begins. Raises OSError."""
    remove(_record_file(spec.folder))
    supervisor = launch_supervisor(spec)
    try:
        _write(
            spec.folder, WorkerProcess(launch_id, supervisor.process, datetime.fromtimestamp(time.time(), timezone.utc))
        )
    except BaseException:
        supervisor.abandon()
        raise
    supervisor.begin()
    return supervisor


def find_worker(folder: TrialFolder, launch_id: str) -> WorkerProcess | None:
    """Return the recorded worker of a launch; None when there is none. Raises OSError in a shortage."""
    try:
        fields = json.loads(read_end(_record_file(folder), RECORD_BYTES))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(fields, dict) or fields.get("launch") != launch_id:
        return None
    pid, ticks, started = fields.get("pid"), fields.get("start_ticks"), fields.get("started")
    if not isinstance(pid, int) or not isinstance(ticks, int) or not isinstance(started, float):
        return None
    return WorkerProcess(launch_id, ProcessId(pid, ticks), datetime.fromtimestamp(started, timezone.utc))


def exit_of(folder: TrialFolder, token: str, worker: WorkerProcess) -> ExitStatus | None:
    """Return how a worker ended; None while its supervisor runs or if that was killed. Raises OSError in a shortage."""
    return None if is_alive(worker.process) else read_exit_status(folder.exit_file, token)


def has_begun(folder: TrialFolder) -> bool:
    """Whether the supervisor of a worker has started its command."""
    return folder.command_file.exists() or folder.exit_file.exists()


def forget_worker(folder: TrialFolder) -> None:
    """Remove the record of a worker. Its log and measurements are kept. Raises OSError."""
    remove(_record_file(folder))


def request_end(launch: Launch) -> None:
    """Record that the end of a launch was requested: its supervisors may be killed before they handle signals."""
    write_whole(str(_end_file(launch)), launch.id.encode())


def is_end_requested(launch: Launch) -> bool:
    """Whether the end of this launch was requested, by this service or an earlier one."""
    try:
        return read_end(_end_file(launch), RECORD_BYTES).decode(errors="replace") == launch.id
    except FileNotFoundError:
        return False


def _end_file(launch: Launch) -> Path:
    return launch.folder.path / "end-requested.txt"


def _write(folder: TrialFolder, worker: WorkerProcess) -> None:
    fields: dict[str, json.Json] = {
        "launch": worker.launch_id,
        "pid": worker.process.pid,
        "start_ticks": worker.process.start_ticks,
        "started": worker.started.timestamp(),
    }
    write_whole(str(_record_file(folder)), json.dumps(fields).encode())


def _record_file(folder: TrialFolder) -> Path:
    return folder.path / "process.json"
