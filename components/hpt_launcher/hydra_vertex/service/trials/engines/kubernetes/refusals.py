"""What means that a worker will never run: its image, its configuration, a quota, an admission. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra_vertex.protocol.json import JsonObject

from .documents import mapping, objects, quantity, text

_WAITING = (
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
)
"""Reasons of a waiting container. ErrImagePull is not one of them: the kubelet tries again before it backs off."""

_QUOTA = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: \S+, limited: (\S+)")
_FINAL = (" is forbidden", " is invalid", "denied the request")
_ROOT = "runAsNonRoot"
_ROOT_HINT = (
    "; give a user in the image (USER 1000), or set podTemplate.spec.securityContext to {runAsUser: 1000} or to "
    "{runAsNonRoot: false}"
)


def waiting_refusal(pod: JsonObject) -> str:
    """Return why a container of a pending Pod cannot be created; empty when nothing says so."""
    statuses = (*objects(pod, "status", "initContainerStatuses"), *objects(pod, "status", "containerStatuses"))
    for status in statuses:
        waiting = mapping(status, "state", "waiting")
        reason, message = text(waiting, "reason"), text(waiting, "message")
        if reason in _WAITING:
            hint = _ROOT_HINT if _ROOT in message else ""
            return f"{reason}: {message or text(status, 'image')} (container {text(status, 'name')}){hint}"
    return ""


def refusal_of_events(events: Sequence[JsonObject]) -> tuple[str, bool]:
    """Return what the last event FailedCreate of a Job says, and whether that is final. Empty without one.

    A Pod that is forbidden or invalid is refused for good. A quota is final only when the worker alone exceeds it;
    otherwise it waits for other Pods to end.
    """
    failed = [event for event in events if text(event, "reason") == "FailedCreate"]
    if not failed:
        return "", False
    last = max(failed, key=lambda event: text(event, "lastTimestamp"))
    said = text(last, "message").removeprefix("Error creating: ")
    return said, not is_quota_in_use(said) and any(word in said for word in _FINAL)


def is_quota_in_use(said: str) -> bool:
    """Whether an answer is about a quota that other objects use up, and that the new one alone does not exceed."""
    quota = _QUOTA.search(said)
    return quota is not None and not _exceeds(quota[2], quota[3])


def _exceeds(requested: str, limited: str) -> bool:
    """Whether a request, such as `pods=1,requests.cpu=2`, exceeds a limit in the same form."""
    limits = dict(part.partition("=")[::2] for part in limited.split(","))
    for part in requested.split(","):
        name, _, amount = part.partition("=")
        asked, limit = quantity(amount), quantity(limits.get(name, ""))
        if asked is not None and limit is not None and asked > limit:
            return True
    return False
