"""Fetches the logs of launches, by looking at them repeatedly; follows those of Pods that are being deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.metric_stream import MARKER
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import UnavailableError

from .api import Cluster, NodeUnavailableError
from .documents import name_of, objects, text
from .log_copy import LogCopy, is_copied
from .pod_exit import container_end, has_ended, started_at, termination_message
from .pod_state import is_being_deleted
from .pod_template import CONTAINER

NODE_LIMIT_S = 300.0
"""How long the log of a container that has ended is asked for, while its node does not answer."""

LOG_BYTES = 16 << 20
"""The most of a log that is asked for at once. A kubelet rotates a log at 10 MiB by default, and more may be set."""

FOLLOW_LIMIT_S = 20.0
"""Limit of the wait for a log that is followed, after its container has ended."""


class Logs:
    """The logs of one service's launches. A log is followed in a thread, because it is gone with its Pod."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._followers: dict[str, threading.Thread] = {}

    def fetch(self, folder: TrialFolder, launch_id: str, pod: JsonObject | None) -> None:
        """Copy what is new. `pod` is that of the chief; None when there is none. Raises UnavailableError, OSError."""
        if is_copied(folder, launch_id):
            return
        try:
            self._fetch(folder, launch_id, pod)
        except NodeUnavailableError:
            if pod is None or not has_ended(pod, now := datetime.now(timezone.utc)):
                return  # the state of the Pod decides what becomes of it
            if now < (container_end(pod) or now) + timedelta(seconds=NODE_LIMIT_S):
                raise
            LogCopy(folder, launch_id, nonce_of(pod)).complete(termination_message(pod))

    def _fetch(self, folder: TrialFolder, launch_id: str, pod: JsonObject | None) -> None:
        if pod is not None and is_being_deleted(pod) and not has_ended(pod, datetime.now(timezone.utc)):
            self.follow(folder, launch_id, pod)
            return
        follower = self._followers.pop(launch_id, None)
        if follower is not None:
            follower.join(FOLLOW_LIMIT_S)
        if pod is not None and started_at(pod) is not None:
            self._copy(LogCopy(folder, launch_id, nonce_of(pod)), pod)

    def follow(self, folder: TrialFolder, launch_id: str, pod: JsonObject) -> None:
        """Copy the log until its container ends. Returns when it has begun. Raises UnavailableError, OSError."""
        follower = self._followers.get(launch_id)
        # One that has ended may have waited too long for an app that writes nothing.
        if (follower is not None and follower.is_alive()) or started_at(pod) is None:
            return
        copy = LogCopy(folder, launch_id, nonce_of(pod))
        parts = None
        if not copy.is_log_complete:
            parts = self._cluster.followed_log(name_of(pod), CONTAINER, copy.position.since)
        if parts is None:
            return
        thread = threading.Thread(target=_follow, args=(copy, parts), daemon=True, name=f"log-{launch_id}")
        self._followers[launch_id] = thread
        thread.start()

    def forget(self, launch_id: str) -> None:
        """Do not wait for the log of a launch any more."""
        self._followers.pop(launch_id, None)

    def _copy(self, copy: LogCopy, pod: JsonObject) -> None:
        is_end = has_ended(pod, datetime.now(timezone.utc))
        if not copy.is_log_complete:
            self._copy_log(copy, name_of(pod), is_end=is_end)
        if is_end:
            copy.complete(termination_message(pod))

    def _copy_log(self, copy: LogCopy, pod: str, *, is_end: bool) -> None:
        """Copy all that the log has now, by as many requests as that takes."""
        limit_bytes, is_cut = LOG_BYTES, True
        while is_cut:
            since = copy.position.since
            content = self._cluster.log(pod, CONTAINER, since, limit_bytes) or b""
            is_cut = len(content) >= limit_bytes
            copy.add(iter([content]), is_end=is_end and not is_cut)
            if copy.position.since == since:  # so much in one second
                limit_bytes *= 2


def _follow(copy: LogCopy, parts: Iterator[bytes]) -> None:
    with suppress(UnavailableError, OSError):  # the next look at the log goes on from there
        copy.add(parts, is_end=True)
        copy.close_log()


def nonce_of(pod: JsonObject) -> str:
    """Return the mark of the records in a Pod's log; empty for a worker that does not report."""
    container = next((c for c in objects(pod, "spec", "containers") if text(c, "name") == CONTAINER), {})
    return next((text(v, "value") for v in objects(container, "env") if text(v, "name") == MARKER), "")
