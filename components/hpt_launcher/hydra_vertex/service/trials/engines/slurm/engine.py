"""The engine that runs each trial as a batch job of Slurm."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.private_files import app_umask
from hydra_vertex.service.machines.reading import WorkerReading
from hydra_vertex.service.private_folder import make_output_folder
from hydra_vertex.service.system.untrusted_files import read_end, remove
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Launch,
    Missing,
    Queued,
    RefusedError,
    Running,
    State,
    UnavailableError,
    Worker,
)
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason

from . import commands, states
from .job_queue import JobQueue, SlurmJob, details
from .job_use import JobUse
from .launch_files import CANCELLED, METRIC_BYTES, REMOVED, LaunchFiles, LaunchRecord
from .script import batch_script, worker_script
from .settings import Settings
from .shared_folder import check_shared
from .submission import minutes, submission

REMOVAL_LIMIT_S = 15.0
REMOVAL_POLL_S = 0.5
ENDING_LIMIT_S = 5.0


class SlurmEngine:
    """Runs trials as jobs of the cluster whose commands this machine has."""

    def __init__(self, settings: Settings, service_id: str) -> None:
        self._settings = settings
        self._service_id = service_id
        self._queue = JobQueue()
        self._use = JobUse(settings)
        self._ended_at: dict[str, float] = {}
        """When this process first saw that a job had ended without a record of it, by the launch's id."""

    @property
    def name(self) -> str:
        """The word of `--engine`."""
        return "slurm"

    def address(self) -> dict[str, str]:
        """Return the cluster's name. Raises UnavailableError."""
        return {"cluster": commands.cluster_name()}

    def check_folder(self, folder: Path) -> None:
        """Raise UserError unless the nodes share the service's folder."""
        try:
            check_shared(folder, self._settings.shared_folder)
        except RefusedError as error:
            raise UserError(f"engine slurm: {error}") from error

    def launch(self, launch: Launch) -> None:
        """Submit the launch, unless Slurm or the launch's folder knows it. Raises RefusedError, UnavailableError."""
        files = self._files(launch)
        # The folder of all trials: a study of which all trials fail for the same reason ends early.
        check_shared(launch.folder.path.parent, self._settings.shared_folder)
        check_shared(launch.output_dir, self._settings.shared_folder)
        record = _read(files)
        if record.submitted or record.claim or record.is_cancelled:
            return
        known = self._jobs(launch)
        job_id = known[0].id if known else self._submit(launch, files)
        try:
            files.submitted(job_id)
        except OSError as error:
            raise UnavailableError(f"{files.path} could not be written: {error}") from error

    def _submit(self, launch: Launch, files: LaunchFiles) -> str:
        settings, umask = self._settings, app_umask(os.environ)
        worker = worker_script(launch, files.path, settings, os.environ)
        try:
            directory = str(settings.working_directory or Path.cwd())
            files.write_scripts(batch_script(launch, files.path, directory, umask), worker, settings.setup)
            for path in _output_folders(launch):
                make_output_folder(path, umask)
        except OSError as error:
            raise UnavailableError(f"the launch's files could not be written: {error}") from error
        options = submission(launch, settings, files.messages, directory)
        try:
            answer = commands.submit((*options, str(files.batch_script)))
        finally:
            self._queue.changed()
        # "12" or "12;cluster"
        job_id = answer.strip().splitlines()[-1].partition(";")[0] if answer.strip() else ""
        if not job_id.isdigit():
            raise UnavailableError(f"sbatch answered {answer!r}, which is not a job's id")
        return job_id

    def observe(self, launch: Launch) -> State:
        """Return the state of the launch now. Raises UnavailableError."""
        files = self._files(launch)
        record = _read(files)
        if record.is_removed:
            return Missing()
        if record.attempt is not None and record.attempt.is_success:
            return Exited(ExitStatus(code=0, started=record.attempt.started))
        jobs = self._jobs(launch)
        # The folder is read again: what a job wrote before its end is there once Slurm says that it has ended.
        record = _read(files)
        job = states.job_of(record, jobs)
        if job is not None and not job.is_over:
            self._ended_at.pop(launch.id, None)
            return states.live_state(record, job)
        job_id = job.id if job is not None else record.claim or record.submitted
        known = details(job_id, launch.id) if job_id else None
        if known is not None and not known.is_over:
            return states.live_state(record, known)  # it was submitted or requeued since the listing
        if self._may_follow(launch, record, known):
            return Queued("ending") if record.attempt is None else Running(record.attempt.started, record.attempt.place)
        if known is None:
            return states.forgotten_state(record, 60.0 * minutes(launch, self._settings))
        return _with_worker(states.ended_state(record, known, files.slurm_message(known.id)), launch, record)

    def _may_follow(self, launch: Launch, record: LaunchRecord, job: SlurmJob | None) -> bool:
        """Whether the job's record is missing, and may only not be visible yet on this machine."""
        if record.refusal or not (record.claim or record.submitted):
            return False
        if job is not None and (job.state in states.INTERRUPTIONS or job.id not in (record.claim, record.submitted)):
            return False
        if record.attempt is not None and record.attempt.exit_code is not None:
            return False
        first_seen = self._ended_at.setdefault(launch.id, time.monotonic())
        return time.monotonic() - first_seen < self._settings.folder_delay_s

    def fetch(self, launch: Launch) -> None:
        """Show the job's log and metric file in the trial's folder. Raises UnavailableError.

        The log is a link to that of the job's last run. The metric file has the reports of all its runs.
        """
        try:
            attempts = self._files(launch).attempt_folders()
            if attempts:
                for rank, worker in enumerate(launch.workers):
                    _link(_log_of(launch, worker), attempts[-1] / ("log.txt" if rank == 0 else f"log.{rank}.txt"))
                _copy_metrics(launch.folder.metric_file, attempts)
        except OSError as error:
            raise UnavailableError(f"the files of {launch.id} could not be read: {error}") from error

    def measure(self, launch: Launch) -> tuple[WorkerReading, ...]:
        """Return what the job of a launch uses now; nothing when it was asked lately.

        Raises NotMeasuredError, UnavailableError.
        """
        record = _read(self._files(launch))
        job_id = record.claim or record.submitted
        reading = self._use.read(launch, job_id) if job_id else None
        return () if reading is None else (reading,)

    def end(self, launch: Launch) -> None:
        """Request the end. The job itself sends SIGKILL after the grace period. Raises UnavailableError."""
        self._mark(launch, CANCELLED)
        by_name = self._selection(launch)
        try:
            commands.is_done(("scancel", *by_name, "--state=PENDING"))
            commands.is_done(("scancel", *by_name, "--state=RUNNING", *_end_signal(launch)))
        finally:
            self._queue.changed()

    def remove(self, launch: Launch) -> None:
        """Kill what still runs, and wait until Slurm has ended it. Raises UnavailableError."""
        self._ended_at.pop(launch.id, None)
        self._use.forget(launch.id)
        self._mark(launch, CANCELLED, REMOVED)
        began = time.monotonic()
        # A job with a record is about to end by itself, and accounting then shows how.
        attempt = _read(self._files(launch)).attempt
        kill_at = began + (ENDING_LIMIT_S if attempt is not None and attempt.exit_code is not None else 0.0)
        while self._has_live_jobs(launch):
            if time.monotonic() >= kill_at:
                self._kill(launch)
            if time.monotonic() >= began + REMOVAL_LIMIT_S:
                raise UnavailableError(f"the job of {launch.id} has not ended within {REMOVAL_LIMIT_S:g} s")
            time.sleep(REMOVAL_POLL_S)
            self._queue.changed()

    def _kill(self, launch: Launch) -> None:
        by_name = self._selection(launch)
        commands.is_done(("scancel", *by_name, "--state=RUNNING", "--signal=KILL", "--full"))
        commands.is_done(("scancel", *by_name))

    def _has_live_jobs(self, launch: Launch) -> bool:
        return any(_is_live(job) for job in self._jobs(launch))

    def known_ids(self) -> frozenset[str]:
        """Return the ids of this service's launches whose jobs wait or run. Raises UnavailableError."""
        prefix = f"hv-{self._service_id}-"
        self._queue.changed()
        jobs = (job for job in self._queue.jobs() if job.name.startswith(prefix) and _is_live(job))
        return frozenset(job.name for job in jobs)

    def _mark(self, launch: Launch, *names: str) -> None:
        """Record what is requested, before Slurm is asked: a job that Slurm accepts later then runs nothing."""
        try:
            for name in names:
                self._files(launch).mark(name)
        except OSError as error:
            raise UnavailableError(f"the end of {launch.id} could not be recorded: {error}") from error

    def _files(self, launch: Launch) -> LaunchFiles:
        return LaunchFiles(launch.folder.path, launch.id)

    def _jobs(self, launch: Launch) -> tuple[SlurmJob, ...]:
        return self._queue.named(launch.id)

    def _selection(self, launch: Launch) -> tuple[str, ...]:
        """Options of `scancel` for all jobs of a launch: one may have been submitted twice."""
        return (f"--user={os.getuid()}", f"--name={launch.id}", "--quiet")


def _with_worker(state: State, launch: Launch, record: LaunchRecord) -> State:
    """Name the worker whose failure ended the trial, and its log, unless it is the chief, whose log is the trial's."""
    failed = None if record.attempt is None else record.attempt.failed
    if not isinstance(state, Exited) or failed is None or not 0 < failed[0] < len(launch.workers):
        return state
    exit_status = state.exit_status
    if exit_status.is_success or exit_status.stopped or exit_status.timed_out or exit_status.detail:
        return state
    worker = launch.workers[failed[0]]
    place = f"its worker {worker.replica} of pool {worker.pool}"
    reason = f"{place} {failure_reason(exit_status, launch.timeout_s)}; its log is {_log_of(launch, worker)}"
    return Exited(dataclasses.replace(exit_status, detail=reason))


def _log_of(launch: Launch, worker: Worker) -> Path:
    """Return the place of a worker's log in the trial's folder."""
    if worker.place == launch.workers[0].place:
        return launch.folder.log
    return launch.folder.path / "workers" / f"{worker.pool}-{worker.replica}" / "log.txt"


def _is_live(job: SlurmJob) -> bool:
    """Whether a job waits or runs. One that is COMPLETING only waits for its node to clean up."""
    return not job.is_over and job.state != "COMPLETING"


def _end_signal(launch: Launch) -> tuple[str, ...]:
    """Options of `scancel` that request the end.

    A signal to the batch script reaches no other process, so the script gets one of its own and sends SIGTERM itself;
    one to the step of several workers reaches all of their processes.
    """
    return ("--signal=HUP", "--batch") if len(launch.workers) == 1 else ("--signal=TERM",)


def _read(files: LaunchFiles) -> LaunchRecord:
    try:
        return files.read()
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{files.path} could not be read: {error}") from error


def _output_folders(launch: Launch) -> list[Path]:
    variables = launch.identity("", str(launch.output_dir))
    return [Path(value) for name, value in variables.items() if name.startswith("AIP_")]


def _link(link: Path, target: Path) -> None:
    """Make a relative link, so that the folder can be moved. Raises OSError."""
    text = Path(os.path.relpath(target, link.parent))
    link.parent.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.readlink() == text):
        remove(link)
        link.symlink_to(text)


def _copy_metrics(path: Path, attempts: list[Path]) -> None:
    """Write the reports of all runs into the metric file, when they have changed. Raises OSError."""
    files = [attempt / "metrics.jsonl" for attempt in attempts]
    content = b"".join(read_end(file, METRIC_BYTES) for file in files if file.exists())
    if content and (not path.exists() or read_end(path, METRIC_BYTES * len(files)) != content):
        write_atomic(path, content)
