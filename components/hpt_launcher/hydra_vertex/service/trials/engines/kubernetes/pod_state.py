"""The state of one worker from its Job, its Pod and their events. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Missing,
    Queued,
    Refused,
    Running,
    State,
)

from .documents import condition, field, mapping, name_of, number, objects, text, time
from .pod_exit import container_end, exit_of_pod, has_ended, lost_by_node, other_ends, started_at
from .refusals import refusal_of_events, waiting_refusal

STUCK_S = 15.0
"""Time after the end of the grace period, after which a node that still runs a deleted Pod counts as lost."""

PREPARATION_S = 30.0
"""How long a node may prepare a Pod, before the events about it are asked for what hinders it."""

EventsOf = Callable[[str], tuple[JsonObject, ...]]
"""Returns the events about the object with a name. Asked for only where they decide."""

_DISRUPTIONS = {
    "PreemptionByScheduler": Interruption.PREEMPTED,
    "PreemptionByKubeScheduler": Interruption.PREEMPTED,
    "DeletionByTaintManager": Interruption.NODE_LOST,
    "DeletionByPodGC": Interruption.NODE_LOST,
    "EvictionByEvictionAPI": Interruption.EVICTED,
    "TerminationByKubelet": Interruption.EVICTED,
}
"""Reasons of the condition DisruptionTarget: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/."""

_FAILURES = {
    "Evicted": Interruption.EVICTED,
    "Preempting": Interruption.PREEMPTED,
    "NodeLost": Interruption.NODE_LOST,
    "NodeShutdown": Interruption.NODE_LOST,
    "Shutdown": Interruption.NODE_LOST,
    "Terminated": Interruption.NODE_LOST,
    "NodeAffinity": Interruption.EVICTED,
    "UnexpectedAdmissionError": Interruption.EVICTED,
}
"""Reasons of a failed Pod that the kubelet and the node controller give. `OutOf<resource>` too: the node was full."""

_EVENTS = {
    "Preempted": Interruption.PREEMPTED,
    "Evicted": Interruption.EVICTED,
    "TaintManagerEviction": Interruption.EVICTED,
    "NodeNotReady": Interruption.NODE_LOST,
}
"""Events about a Pod, the one that decides first. Kubernetes before 1.26 says it only there."""


_PROBLEMS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "NetworkNotReady")
"""Events about a Pod that stays at ContainerCreating. The kubelet tries again, so they are no refusals."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What the cluster has of one worker. `pod_name` is that of the Pod that was seen first; empty when none was.

    `pod` is that Pod, not one that the Job controller has started in its place. `is_known` is True when the launch had
    been accepted.
    """

    job: JsonObject | None
    pod: JsonObject | None
    pod_name: str = ""
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """`now` is the time, `unschedulable_s` how long a worker may wait for a node or a quota; None: for ever.

    `node_loss_s` is how long a node may be silent before its Pods count as lost.
    """

    now: datetime
    unschedulable_s: int | None = None
    node_loss_s: int = 60


def worker_state(view: WorkerView, events_of: EventsOf, limits: Limits) -> State:
    """Return the state of a worker."""
    state = _worker_state(view, events_of, limits)
    is_removed = isinstance(state, Interrupted) and state.cause is Interruption.REMOVED
    if is_removed and field(view.job, "spec", "suspend") is True:
        return Interrupted(Interruption.PREEMPTED, "its Job was suspended, as by Kueue for another one")
    return state


def _worker_state(view: WorkerView, events_of: EventsOf, limits: Limits) -> State:
    if view.pod is not None:
        return _pod_state(view.pod, events_of, limits)
    if view.job is None:
        if view.pod_name:
            return _gone(view.pod_name, events_of)
        return Interrupted(Interruption.REMOVED, "the Job was deleted") if view.is_known else Missing()
    # A Job is also complete when its process ended with code 0 because its Pod was deleted; and the log is gone.
    if view.pod_name or any(condition(view.job, kind) for kind in ("Complete", "Failed")):
        return _gone(view.pod_name, events_of)
    return _without_pod(view.job, events_of, limits)


def is_alive(pod: JsonObject, limits: Limits) -> bool:
    """Whether the worker's container runs, or may run, on a node that answers."""
    if has_ended(pod, limits.now) or (is_being_deleted(pod) and started_at(pod) is None):
        return False
    return not _is_lost(pod, limits)


def is_being_deleted(document: JsonObject) -> bool:
    """Whether an object's deletion has begun."""
    return bool(text(document, "metadata", "deletionTimestamp"))


def _pod_state(pod: JsonObject, events_of: EventsOf, limits: Limits) -> State:
    interruption = _interruption(pod, events_of, limits)
    if interruption is not None:
        return interruption
    exited = exit_of_pod(pod, limits.now)
    if exited is not None:
        return Exited(exited)
    started = started_at(pod)
    if started is not None:
        return Running(started, text(pod, "spec", "nodeName"))
    return _pending(pod, events_of, limits)


def _interruption(pod: JsonObject, events_of: EventsOf, limits: Limits) -> Interrupted | None:
    reason, message = text(pod, "status", "reason"), text(pod, "status", "message")
    phase = text(pod, "status", "phase")
    if phase == "Failed" and (reason in _FAILURES or reason.startswith("OutOf")):
        if _ended_before_failure(pod, events_of):
            return None
        return Interrupted(_FAILURES.get(reason, Interruption.EVICTED), message or reason)
    if (phase == "Unknown" and not has_ended(pod, limits.now)) or _is_lost(pod, limits):
        return Interrupted(Interruption.NODE_LOST, f"the node {text(pod, 'spec', 'nodeName')} does not answer")
    ended, asked = container_end(pod), _disrupted_at(pod)
    # Times are whole seconds. A process that ends with code 0 on SIGTERM must not count as one that has finished.
    if asked is None or (ended is not None and ended < asked):
        lost = lost_by_node(pod)
        return Interrupted(Interruption.NODE_LOST, lost) if lost else None
    if not has_ended(pod, limits.now):
        return None  # it still runs, or was never started
    return _cause(pod, events_of)


def _ended_before_failure(pod: JsonObject, events_of: EventsOf) -> bool:
    """Whether the worker's container ended before the kubelet ended the Pod, of which only a sidecar was left.

    That is so when another container ended later than the grace period allows, or when an event about the Pod is
    later. A process that ends with code 0 on SIGTERM must not count as one that has finished.
    """
    ended = container_end(pod)
    if ended is None or lost_by_node(pod):
        return False
    grace = timedelta(seconds=number(pod, "spec", "terminationGracePeriodSeconds") + STUCK_S)
    if any(end > ended + grace for end in other_ends(pod)):
        return True
    asked = _disrupted_at(pod) or _reported_at(events_of(name_of(pod)))
    return asked is not None and ended < asked


def _reported_at(events: tuple[JsonObject, ...]) -> datetime | None:
    """Return the first time of the events that say why a Pod ends; None without one."""
    decisive = (event for event in events if text(event, "reason") in (*_EVENTS, "Preempting"))
    times = [time(event, "firstTimestamp") or time(event, "eventTime") for event in decisive]
    return min((moment for moment in times if moment is not None), default=None)


def _disrupted_at(pod: JsonObject) -> datetime | None:
    """Return when the cluster or someone else decided that the Pod ends; None when nobody did."""
    disruption = condition(pod, "DisruptionTarget")
    deletion = time(pod, "metadata", "deletionTimestamp")
    grace = timedelta(seconds=number(pod, "metadata", "deletionGracePeriodSeconds"))
    times = [None if disruption is None else time(disruption, "lastTransitionTime"), deletion and deletion - grace]
    return min((moment for moment in times if moment is not None), default=None)


def _cause(pod: JsonObject, events_of: EventsOf) -> Interrupted:
    disruption = condition(pod, "DisruptionTarget")
    if disruption is not None:
        reason, message = text(disruption, "reason"), text(disruption, "message")
        return Interrupted(_DISRUPTIONS.get(reason, Interruption.EVICTED), message or reason)
    return _gone(name_of(pod), events_of)


def _gone(pod_name: str, events_of: EventsOf) -> Interrupted:
    """Return why a Pod is gone, by its events."""
    events = events_of(pod_name) if pod_name else ()
    for reason, cause in _EVENTS.items():
        found = next((event for event in events if text(event, "reason") == reason), None)
        if found is not None:
            return Interrupted(cause, text(found, "message") or reason)
    return Interrupted(Interruption.REMOVED, "the Pod was deleted")


def _is_lost(pod: JsonObject, limits: Limits) -> bool:
    """Whether the Pod's node does not answer: it has not ended a deleted Pod, or the node controller says so."""
    if has_ended(pod, limits.now):
        return False
    end, silent = time(pod, "metadata", "deletionTimestamp"), _silent_since(pod)
    is_stuck = end is not None and limits.now > end + timedelta(seconds=STUCK_S)
    return is_stuck or (silent is not None and limits.now > silent + timedelta(seconds=limits.node_loss_s))


def _silent_since(pod: JsonObject) -> datetime | None:
    """Return when the node controller found that the Pod's node does not answer; None when it does.

    It then makes the Pod unready. A kubelet never reports an unready Pod of ready containers, unless the Pod has
    readiness gates. (`MarkPodsNotReady` in pkg/controller/util/node/controller_utils.go of Kubernetes.)
    """
    conditions = {text(c, "type"): c for c in objects(pod, "status", "conditions")}
    ready, containers = conditions.get("Ready", {}), conditions.get("ContainersReady", {})
    is_silent = text(ready, "status") == "False" and text(containers, "status") == "True"
    return time(ready, "lastTransitionTime") if is_silent and not field(pod, "spec", "readinessGates") else None


def _pending(pod: JsonObject, events_of: EventsOf, limits: Limits) -> State:
    refusal = waiting_refusal(pod)
    if refusal:
        return Refused(refusal)
    scheduled = next((c for c in objects(pod, "status", "conditions") if text(c, "type") == "PodScheduled"), {})
    if text(scheduled, "status") == "False":
        said = text(scheduled, "message") or text(scheduled, "reason")
        return _waiting(said, time(pod, "metadata", "creationTimestamp"), limits)
    since = time(scheduled, "lastTransitionTime") or time(pod, "metadata", "creationTimestamp")
    if since is None or limits.now < since + timedelta(seconds=PREPARATION_S):
        return Queued(_waiting_reason(pod))
    return Queued(_problem(events_of(name_of(pod))) or _waiting_reason(pod))


def _problem(events: tuple[JsonObject, ...]) -> str:
    """Return what the last event says, if it is about a problem of the preparation, as with a volume or a network."""
    last = max(events, key=lambda event: text(event, "lastTimestamp"), default={})
    said = (text(last, "reason"), " ".join(text(last, "message").split()))
    return ": ".join(filter(None, said)) if said[0] in _PROBLEMS else ""


def _waiting_reason(pod: JsonObject) -> str:
    statuses = (*objects(pod, "status", "initContainerStatuses"), *objects(pod, "status", "containerStatuses"))
    waiting = next((mapping(s, "state", "waiting") for s in statuses if mapping(s, "state", "waiting")), {})
    return ": ".join(filter(None, (text(waiting, "reason"), text(waiting, "message"))))


def _waiting(said: str, since: datetime | None, limits: Limits) -> State:
    limit_s = limits.unschedulable_s
    if limit_s is not None and since is not None and limits.now - since > timedelta(seconds=limit_s):
        return Refused(f"{said} (for longer than unschedulableLimit, {limit_s} s)")
    return Queued(said)


def _without_pod(job: JsonObject, events_of: EventsOf, limits: Limits) -> State:
    if field(job, "spec", "suspend") is True:
        return Queued(f"the Job {name_of(job)} is suspended, as by Kueue until its queue admits it")
    events = events_of(name_of(job))
    said, is_final = refusal_of_events(events)
    if is_final:
        return Refused(said)
    return _waiting(said, time(job, "metadata", "creationTimestamp"), limits) if said else Queued()
