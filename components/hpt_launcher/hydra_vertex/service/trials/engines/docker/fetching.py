"""Brings logs and measurements of the containers to the trial's folder."""

from __future__ import annotations

import threading

from hydra_vertex.service.trials.engines.contract import Launch, UnavailableError, Worker
from hydra_vertex.service.trials.launch_spec import LOG_LIMIT_BYTES

from .client import Client, NotFoundError
from .file_copy import copy_changed
from .inspection import read_container
from .log_copy import LogCopy
from .places import FINGERPRINTS_NAME, METRICS_NAME, container_name, shared_folder, worker_log

NOTHING = (0, -1)


class Fetching:
    """The positions in the logs, by container. A service that starts later reads each log from its beginning."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._logs: dict[str, LogCopy] = {}
        self._complete: set[str] = set()
        self._files: dict[str, tuple[int, int]] = {}

    def fetch(self, launch: Launch) -> None:
        """Copy what is new. Raises UnavailableError."""
        try:
            for worker in launch.workers:
                self._fetch_log(launch, worker)
            self._fetch_files(launch)
        except OSError as error:
            raise UnavailableError(f"{launch.folder.path}: cannot be written: {error}") from error

    def forget(self, launch: Launch) -> None:
        """Close the logs of a launch."""
        for worker in launch.workers:
            name = container_name(launch, worker)
            if (log := self._logs.pop(name, None)) is not None:
                log.close()
            self._complete.discard(name)
        for name in (METRICS_NAME, FINGERPRINTS_NAME):
            self._files.pop(f"{launch.id}/{name}", None)

    def _fetch_files(self, launch: Launch) -> None:
        folder = shared_folder(launch)
        targets = {METRICS_NAME: launch.folder.metric_file, FINGERPRINTS_NAME: launch.folder.fingerprint_file}
        for name, target in targets.items():
            key = f"{launch.id}/{name}"
            self._files[key] = copy_changed(folder / name, target, self._files.get(key, NOTHING))

    def _fetch_log(self, launch: Launch, worker: Worker) -> None:
        name = container_name(launch, worker)
        if name in self._complete:
            return
        # Read before the log: the log of a container that has ended by then is complete.
        document = self._client.inspect(name)
        if document is None:
            return
        try:
            if read_container(document).has_ended:
                self._copy_whole(launch, worker)
                self._complete.add(name)
            else:
                self._copy_new(launch, worker)
        except NotFoundError:
            return  # removed in the meantime

    def _copy_new(self, launch: Launch, worker: Worker) -> None:
        name = container_name(launch, worker)
        if name not in self._logs:
            self._logs[name] = LogCopy(worker_log(launch, worker), LOG_LIMIT_BYTES)
        log = self._logs[name]
        log.add(self._client.logs(name, log.since_s))
        log.publish()

    def _copy_whole(self, launch: Launch, worker: Worker) -> None:
        """Copy the log once more from its beginning, unless the engine has dropped a part of it by then.

        A clock that was set back between two copies would have left entries out.
        """
        name = container_name(launch, worker)
        copied = self._logs.pop(name, None)
        whole = LogCopy(worker_log(launch, worker), LOG_LIMIT_BYTES)
        try:
            whole.add(self._client.logs(name, 0))
            whole.finish()
            if copied is None or whole.entries >= copied.entries:
                whole.publish()
        finally:
            whole.close()
            if copied is not None:
                copied.close()
