"""The engine of trials whose workers are Jobs of a Kubernetes namespace."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from signal import SIGTERM

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.machines.reading import NotMeasuredError, WorkerReading, worker_name
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
from hydra_vertex.service.trials.exit_status import ExitStatus

from .api import Cluster
from .documents import condition, field, name_of, text
from .launch_state import combined
from .log_copy import remove_state
from .logs import Logs
from .manifest import LAUNCH_LABEL, SERVICE_LABEL, WORKER_LABEL, job_manifest, job_name, service_manifest
from .note import Note, read_note, remove_note, write_note
from .pod_exit import exit_of_pod, started_at
from .pod_state import Limits, WorkerView, is_alive, is_being_deleted, worker_state
from .settings import Settings
from .usage import NO_METRICS, reading_of

NAME = "kubernetes"
EVENT_DELAY_S = 2.0
"""How long an event about a Pod may take to arrive after the deletion of the Pod that it explains."""


class KubernetesEngine:
    """Runs each worker as a Job. What the cluster forgets with a deleted Pod is noted in the trial's folder."""

    def __init__(self, cluster: Cluster, settings: Settings, service_id: str, owner: JsonObject | None = None) -> None:
        """`owner` is the ownerReference of what the service runs in; None for no owner."""
        self._cluster, self._settings, self._service_id, self._owner = cluster, settings, service_id, owner
        self._logs = Logs(cluster)

    @property
    def name(self) -> str:
        """The word of `--engine`."""
        return NAME

    def address(self) -> dict[str, str]:
        """Return the namespace and the API server."""
        return {"namespace": self._cluster.namespace, "server": self._cluster.server}

    def launch(self, launch: Launch) -> None:
        """Create the Jobs, and the Service of several workers. Raises RefusedError, UnavailableError."""
        chief, *others = launch.workers
        try:
            job = self._create(launch, chief, is_chief=True)
            if others:
                # Before the other Jobs: a launch that has all of its Jobs counts as complete.
                owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name_of(job)}
                owner["uid"] = text(job, "metadata", "uid")
                self._cluster.create_service(service_manifest(launch, self._service_id, owner))
            for worker in others:
                self._create(launch, worker, is_chief=False)
        except RefusedError:
            self._delete(self._jobs(launch.id), is_foreground=False)
            raise
        write_note(launch.folder, replace(read_note(launch.folder, launch.id), is_launched=True))

    def observe(self, launch: Launch) -> State:
        """Return the state of the workers now. Raises UnavailableError."""
        look = _Look(self._jobs(launch.id), self._pods(launch.id), self._limits())
        note = read_note(launch.folder, launch.id)
        if not note.is_launched and look.has_no_job:
            return Missing()
        seen = look.noted(note, launch.workers)
        if seen.outcome is None and not seen.is_end_requested:
            state = self._state(launch, look, seen)
            if not isinstance(state, (Exited, Interrupted, Refused)):
                self._note(launch, note, seen)
                return state
            seen = replace(seen, outcome=state)
        self._note(launch, note, seen)
        return self._ended(launch, look, seen)

    def fetch(self, launch: Launch) -> None:
        """Bring the chief's log and its records to the trial's folder. Raises UnavailableError, OSError."""
        note = read_note(launch.folder, launch.id)
        pod = chosen_pod(self._pods(launch.id), launch.workers[0], note.pods)
        try:
            self._logs.fetch(launch.folder, launch.id, pod)
        except UnavailableError:
            if not isinstance(note.outcome, Interrupted):  # the log of a lost node is lost
                raise

    def end(self, launch: Launch) -> None:
        """Delete the Jobs gracefully, unless the workers have ended by themselves. Raises UnavailableError."""
        state = self.observe(launch)
        note = read_note(launch.folder, launch.id)
        if note.outcome is not None or isinstance(state, Missing):
            return
        pods = self._pods(launch.id)
        self._note(launch, note, replace(note, is_end_requested=True))
        self._follow(launch, chosen_pod(pods, launch.workers[0], note.pods))
        self._delete(self._jobs(launch.id), is_foreground=True)

    def remove(self, launch: Launch) -> None:
        """Delete all objects of a launch, and the notes about it. Raises UnavailableError, OSError."""
        self._delete(self._jobs(launch.id), is_foreground=False)
        self._logs.forget(launch.id)
        remove_state(launch.folder, launch.id)
        remove_note(launch.folder, launch.id)

    def measure(self, launch: Launch) -> tuple[WorkerReading, ...]:
        """Return what the Pods use now. Raises NotMeasuredError, UnavailableError."""
        metrics = self._cluster.pod_metrics(f"{LAUNCH_LABEL}={launch.id},{SERVICE_LABEL}={self._service_id}")
        if metrics is None:
            raise NotMeasuredError(NO_METRICS)
        pods, note = self._pods(launch.id), read_note(launch.folder, launch.id)
        chosen = ((worker, chosen_pod(pods, worker, note.pods)) for worker in launch.workers)
        found = (reading_of(worker_name(*one.place), pod, metrics) for one, pod in chosen if pod is not None)
        return tuple(reading for reading in found if reading is not None)

    def known_ids(self) -> frozenset[str]:
        """Return the ids of the launches that have a Job. Raises UnavailableError."""
        jobs = self._cluster.jobs(f"{SERVICE_LABEL}={self._service_id}")
        return frozenset(text(job, "metadata", "labels", LAUNCH_LABEL) for job in jobs if not is_being_deleted(job))

    def _create(self, launch: Launch, worker: Worker, *, is_chief: bool) -> JsonObject:
        nonce = secrets.token_hex(8) if is_chief else ""
        manifest = job_manifest(launch, worker, self._settings, self._service_id, nonce, self._owner)
        job = self._cluster.create_job(manifest) or self._cluster.job(name_of(manifest))
        if job is None:
            raise UnavailableError(f"the Job {name_of(manifest)} was deleted while it was created")
        if text(job, "metadata", "labels", SERVICE_LABEL) != self._service_id:
            raise RefusedError(f"the namespace has a Job {name_of(manifest)} that another program has created")
        return job

    def _state(self, launch: Launch, look: _Look, note: Note) -> State:
        views = [look.view(launch.id, worker, note) for worker in launch.workers]
        states = [worker_state(view, self._cluster.events, look.limits) for view in views]
        if any(isinstance(state, Interrupted) and state.cause is Interruption.REMOVED for state in states):
            time.sleep(EVENT_DELAY_S)
            states = [worker_state(view, self._cluster.events, look.limits) for view in views]
        return combined(states)

    def _ended(self, launch: Launch, look: _Look, note: Note) -> State:
        """Delete what still runs of a launch that has ended. Return its end when nothing runs any more."""
        if not isinstance(note.outcome, Exited) or len(launch.workers) > 1:
            self._delete_rest(launch, look, note)
        is_single_end = isinstance(note.outcome, Exited) and len(launch.workers) == 1
        if look.is_any_alive and not is_single_end:
            return Queued("being deleted") if note.started is None else Running(note.started)
        if note.outcome is not None:
            return note.outcome
        if note.started is None:
            return Missing()
        last = note.last_exit or ExitStatus(signal=SIGTERM)
        return Exited(replace(last, stopped=True, started=last.started or note.started))

    def _delete_rest(self, launch: Launch, look: _Look, note: Note) -> None:
        jobs = look.jobs_to_delete(note)
        chief = look.pod(launch.workers[0], note)
        if jobs and chief is not None and is_alive(chief, look.limits):
            self._follow(launch, chief)
        self._delete(jobs, is_foreground=note.is_end_requested)

    def _follow(self, launch: Launch, chief: JsonObject | None) -> None:
        """Follow the chief's log, where its node answers: a Pod's log is gone with it."""
        if chief is not None:
            with suppress(UnavailableError, OSError):
                self._logs.follow(launch.folder, launch.id, chief)

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(self._cluster.now(), settings.unschedulable_limit_s, settings.node_loss_limit_s)

    def _jobs(self, launch_id: str) -> tuple[JsonObject, ...]:
        return self._cluster.jobs(f"{LAUNCH_LABEL}={launch_id},{SERVICE_LABEL}={self._service_id}")

    def _pods(self, launch_id: str) -> tuple[JsonObject, ...]:
        return self._cluster.pods(f"{LAUNCH_LABEL}={launch_id},{SERVICE_LABEL}={self._service_id}")

    def _delete(self, jobs: Sequence[JsonObject], *, is_foreground: bool) -> None:
        for job in jobs:
            self._cluster.delete_job(name_of(job), text(job, "metadata", "uid"), is_foreground=is_foreground)

    def _note(self, launch: Launch, before: Note, after: Note) -> None:
        if after != before:
            write_note(launch.folder, after)


class _Look:
    """The Jobs and Pods of a launch at one time."""

    def __init__(self, jobs: Sequence[JsonObject], pods: Sequence[JsonObject], limits: Limits) -> None:
        self._jobs = {name_of(job): job for job in jobs}
        self._pods = tuple(pods)
        self.limits = limits

    @property
    def has_no_job(self) -> bool:
        """Whether no worker has a Job."""
        return not self._jobs

    @property
    def is_any_alive(self) -> bool:
        """Whether a worker's container runs, or may still be started."""
        return any(is_alive(pod, self.limits) for pod in self._pods)

    def noted(self, note: Note, workers: Sequence[Worker]) -> Note:
        """Return the notes with what is seen now."""
        pods = {_label(worker): chosen_pod(self._pods, worker, note.pods) for worker in workers}
        names = {label: name_of(pod) for label, pod in pods.items() if pod is not None}
        starts = [started for pod in pods.values() if pod is not None and (started := started_at(pod))]
        chief = next(iter(pods.values()))
        ended = exit_of_pod(chief, self.limits.now) if chief is not None else None
        return replace(
            note,
            pods={**names, **note.pods},
            started=note.started or max(starts, default=None),
            is_launched=note.is_launched or len(self._jobs) == len(workers),
            last_exit=note.last_exit if ended is None or ended.error else ended,
        )

    def pod(self, worker: Worker, note: Note) -> JsonObject | None:
        """Return a worker's Pod; None when it is gone."""
        return chosen_pod(self._pods, worker, note.pods)

    def view(self, launch_id: str, worker: Worker, note: Note) -> WorkerView:
        """Return what the cluster has of one worker."""
        return WorkerView(
            self._jobs.get(job_name(launch_id, worker.pool, worker.replica)),
            self.pod(worker, note),
            note.pods.get(_label(worker), ""),
            note.is_launched,
        )

    def jobs_to_delete(self, note: Note) -> list[JsonObject]:
        """Return the Jobs that may still run something. One that has ended is left, for its log.

        A Job that is complete may still run a Pod: one that was started in the place of a deleted Pod.
        """
        alive = {_job_of(pod) for pod in self._pods if is_alive(pod, self.limits)}
        over = {_job_of(pod) for pod in self._pods} - alive
        return [
            job
            for name, job in self._jobs.items()
            if not is_being_deleted(job)
            and (name in alive or isinstance(note.outcome, Refused) or not (name in over or _is_finished(job)))
        ]


def chosen_pod(pods: Sequence[JsonObject], worker: Worker, names: Mapping[str, str]) -> JsonObject | None:
    """Return a worker's Pod: the one that was seen first, else the oldest. None when it is gone.

    The Job controller may start another one in place of a deleted Pod, which is not the worker's.
    """
    label = _label(worker)
    own = [pod for pod in pods if text(pod, "metadata", "labels", WORKER_LABEL) == label]
    name = names.get(label, "")
    if name:
        return next((pod for pod in own if name_of(pod) == name), None)
    return min(own, key=lambda pod: text(pod, "metadata", "creationTimestamp"), default=None)


def _label(worker: Worker) -> str:
    return f"{worker.pool}-{worker.replica}"


def _job_of(pod: JsonObject) -> str:
    labels = field(pod, "metadata", "labels")
    return text(labels, "job-name")


def _is_finished(job: JsonObject) -> bool:
    return any(condition(job, kind) is not None for kind in ("Complete", "Failed"))
