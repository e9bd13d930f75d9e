"""How the container of a worker ended. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.exit_status import ERROR_CHARACTERS, ExitStatus

from .documents import mapping, name_of, number, objects, text, time
from .pod_template import CONTAINER

_SIGNAL_BASE, _LAST_SIGNAL = 128, 64
_DEADLINE = "DeadlineExceeded"
_NOT_STARTED = ("StartError", "ContainerCannotRun")
_OUT_OF_MEMORY = "OOMKilled"
_END_UNKNOWN = ("ContainerStatusUnknown", "Unknown")
"""Reasons, with made-up exit codes, of a container that a kubelet or containerd has lost, as when its node restarted.

Sources: kubelet_pods.go of Kubernetes, internal/cri of containerd.
"""


def exit_of_pod(pod: JsonObject, now: datetime) -> ExitStatus | None:
    """Return how the worker's container ended; None while it runs or waits."""
    if not has_ended(pod, now):
        return None
    ended = _terminated(pod)
    if text(pod, "status", "reason") == _DEADLINE and not _ended_in_time(pod):
        return ExitStatus(timed_out=True, started=started_at(pod) or time(pod, "status", "startTime"))
    if ended:
        return _exit_status(ended, pod)
    if text(pod, "status", "phase") == "Succeeded":
        return ExitStatus(code=0)
    return ExitStatus(error=_other_failure(pod)[:ERROR_CHARACTERS])


def has_ended(pod: JsonObject, now: datetime) -> bool:
    """Whether the worker's container runs no more, and will not.

    A kubelet before 1.22 reports that a Pod has exceeded its deadline when it sends SIGTERM, and nothing afterwards.
    """
    if _terminated(pod):
        return True
    if text(pod, "status", "phase") not in ("Succeeded", "Failed"):
        return False
    if text(pod, "status", "reason") != _DEADLINE or started_at(pod) is None:
        return True
    begin = time(pod, "status", "startTime") or now
    limit_s = sum(number(pod, "spec", name) for name in ("activeDeadlineSeconds", "terminationGracePeriodSeconds"))
    return now > begin + timedelta(seconds=limit_s + 1)


def started_at(pod: JsonObject) -> datetime | None:
    """Return the start of the worker's container; None before it."""
    return time(_status(pod), "state", "running", "startedAt") or time(_terminated(pod), "startedAt")


def container_end(pod: JsonObject) -> datetime | None:
    """Return when the worker's container ended; None while it runs or waits."""
    return time(_terminated(pod), "finishedAt")


def other_ends(pod: JsonObject) -> tuple[datetime, ...]:
    """Return when the Pod's other containers ended, those that have."""
    others = (s for s in objects(pod, "status", "containerStatuses") if text(s, "name") != CONTAINER)
    ends = (time(status, "state", "terminated", "finishedAt") for status in others)
    return tuple(end for end in ends if end is not None)


def termination_message(pod: JsonObject) -> str:
    """Return the end of the worker's metric file: what the kubelet read from terminationMessagePath."""
    return text(_terminated(pod), "message")


def lost_by_node(pod: JsonObject) -> str:
    """Return what the node says when it does not know how the container ended, as after a restart; else empty."""
    ended = _terminated(pod)
    if text(ended, "reason") not in _END_UNKNOWN or text(pod, "status", "reason") == _DEADLINE:
        return ""
    return text(ended, "message") or f"the node {text(pod, 'spec', 'nodeName')} does not know how the container ended"


def _ended_in_time(pod: JsonObject) -> bool:
    """Whether the container ended before the Pod's deadline, at which only a sidecar was left."""
    ended, begin = container_end(pod), time(pod, "status", "startTime")
    limit = timedelta(seconds=number(pod, "spec", "activeDeadlineSeconds"))
    return ended is not None and begin is not None and ended < begin + limit


def _terminated(pod: JsonObject) -> JsonObject:
    return mapping(_status(pod), "state", "terminated")


def _status(pod: JsonObject) -> JsonObject:
    return next((s for s in objects(pod, "status", "containerStatuses") if text(s, "name") == CONTAINER), {})


def _exit_status(ended: JsonObject, pod: JsonObject) -> ExitStatus:
    reason, code, started = text(ended, "reason"), number(ended, "exitCode"), time(ended, "startedAt")
    if reason in _NOT_STARTED:
        return ExitStatus(error=(text(ended, "message") or reason)[:ERROR_CHARACTERS], started=None)
    number_of_signal = number(ended, "signal") or code - _SIGNAL_BASE
    is_signal = 0 < number_of_signal <= _LAST_SIGNAL
    return ExitStatus(
        code=None if is_signal else code,
        signal=number_of_signal if is_signal else None,
        started=started,
        detail=_out_of_memory(pod) if reason == _OUT_OF_MEMORY else "",
    )


def _out_of_memory(pod: JsonObject) -> str:
    container = next((c for c in objects(pod, "spec", "containers") if text(c, "name") == CONTAINER), {})
    limit = text(container, "resources", "limits", "memory")
    allowed = f"its memory limit is {limit}" if limit else "it has no memory limit, so its node had no memory left"
    return f"{_OUT_OF_MEMORY}: the container was killed when it used too much memory; {allowed}"


def _other_failure(pod: JsonObject) -> str:
    """Describe the end of a Pod whose own container never ran: an init container failed, or the kubelet said why."""
    for status in objects(pod, "status", "initContainerStatuses"):
        ended = mapping(status, "state", "terminated")
        if number(ended, "exitCode"):
            return f"init container {text(status, 'name')} exited with code {number(ended, 'exitCode')}"
    said = (text(pod, "status", "reason"), text(pod, "status", "message"))
    return ": ".join(filter(None, said)) or f"the Pod {name_of(pod)} failed"
