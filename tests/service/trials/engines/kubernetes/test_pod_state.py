"""States from documents as the API returns them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import pytest

from hydra_vertex.protocol.json import Json, JsonObject
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
from hydra_vertex.service.trials.engines.kubernetes.launch_state import combined
from hydra_vertex.service.trials.engines.kubernetes.pod_state import Limits, WorkerView, is_alive, worker_state
from hydra_vertex.service.trials.exit_status import ExitStatus

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)
STARTED = NOW - timedelta(minutes=10)
POD = "p-1"


def at(seconds: float) -> str:
    """Return a time relative to NOW, as the API writes it."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def status(state: JsonObject, name: str = "trial") -> JsonObject:
    return {"name": name, "image": "x:1", "state": state}


def ended(code: int, reason: str = "Error", **more: Json) -> JsonObject:
    times: dict[str, Json] = {"startedAt": at(-600), "finishedAt": at(-60)}
    return status({"terminated": {"exitCode": code, "reason": reason, **times, **more}})


RUNNING = status({"running": {"startedAt": at(-600)}})
WAITING = status({"waiting": {"reason": "ContainerCreating"}})


def pod(phase: str, *statuses: JsonObject, metadata: JsonObject | None = None, **more: Json) -> JsonObject:
    return {
        "metadata": {"name": POD, "creationTimestamp": at(-900), **(metadata or {})},
        "spec": {
            "nodeName": "n1",
            "activeDeadlineSeconds": 300,
            "terminationGracePeriodSeconds": 5,
            "containers": [{"name": "trial", "resources": {"limits": {"memory": "1Gi"}}}],
        },
        "status": {"phase": phase, "startTime": at(-620), "containerStatuses": list(statuses), **more},
    }


def deleted(ago_s: float, grace_s: int = 5) -> JsonObject:
    """Return the metadata of a Pod whose deletion was requested some seconds ago."""
    return {"deletionTimestamp": at(grace_s - ago_s), "deletionGracePeriodSeconds": grace_s}


def disrupted(reason: str, at_s: float = -70) -> list[Json]:
    return [
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "message": "said",
            "lastTransitionTime": at(at_s),
        }
    ]


def unschedulable(message: str = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.") -> list[Json]:
    return [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]


def silent(seconds: float) -> list[Json]:
    """Return the conditions of a Pod on a node that the node controller has not heard of for some seconds."""
    unready: JsonObject = {"type": "Ready", "status": "False", "lastTransitionTime": at(-seconds)}
    return [unready, {"type": "ContainersReady", "status": "True"}]


def event(reason: str, message: str = "said") -> JsonObject:
    return {"reason": reason, "message": message, "lastTimestamp": at(-1)}


def state(view: WorkerView, *events: JsonObject, unschedulable_s: int | None = None) -> State:
    return worker_state(view, lambda name: events if name in (POD, "j") else (), Limits(NOW, unschedulable_s))


def of_pod(document: JsonObject, *events: JsonObject, unschedulable_s: int | None = None) -> State:
    return state(WorkerView({}, document, POD, True), *events, unschedulable_s=unschedulable_s)


@pytest.mark.parametrize(
    ("document", "exit_status"),
    [
        (pod("Succeeded", ended(0, "Completed")), ExitStatus(code=0, started=STARTED)),
        (pod("Failed", ended(3)), ExitStatus(code=3, started=STARTED)),
        (pod("Failed", ended(143)), ExitStatus(signal=15, started=STARTED)),
        (pod("Failed", ended(1, signal=6)), ExitStatus(signal=6, started=STARTED)),
        (pod("Failed", ended(255)), ExitStatus(code=255, started=STARTED)),
        (
            pod("Failed", ended(137, "OOMKilled")),
            ExitStatus(
                signal=9,
                started=STARTED,
                detail="OOMKilled: the container was killed when it used too much memory; its memory limit is 1Gi",
            ),
        ),
        (pod("Failed", ended(128, "StartError", message="no such file")), ExitStatus(error="no such file")),
        (pod("Failed", ended(127, "ContainerCannotRun")), ExitStatus(error="ContainerCannotRun")),
        (
            pod("Failed", ended(143), reason="DeadlineExceeded"),
            ExitStatus(timed_out=True, started=STARTED),
        ),
        # A kubelet before 1.22 leaves the container as running.
        (pod("Failed", RUNNING, reason="DeadlineExceeded"), ExitStatus(timed_out=True, started=STARTED)),
        (
            pod(
                "Failed",
                WAITING,
                initContainerStatuses=[{"name": "prepare", "state": {"terminated": {"exitCode": 4}}}],
            ),
            ExitStatus(error="init container prepare exited with code 4"),
        ),
        # Only a sidecar was left at the deadline.
        (
            pod("Failed", ended(0, "Completed"), reason="DeadlineExceeded", startTime=at(-200)),
            ExitStatus(code=0, started=STARTED),
        ),
        # A sidecar runs on.
        (
            pod("Running", status({"running": {}}, "sidecar"), ended(0, "Completed")),
            ExitStatus(code=0, started=STARTED),
        ),
    ],
)
def test_a_container_that_has_ended_tells_how(document: JsonObject, exit_status: ExitStatus) -> None:
    assert of_pod(document) == Exited(exit_status)


def test_a_pod_past_its_deadline_runs_until_its_grace_period_is_over() -> None:
    document = pod("Failed", RUNNING, reason="DeadlineExceeded", startTime=at(-304))
    assert of_pod(document) == Running(STARTED, "n1")
    assert is_alive(document, Limits(NOW))


@pytest.mark.parametrize(
    "conditions",
    [
        silent(59),
        [*silent(61)[:1], {"type": "ContainersReady", "status": "False"}],
        [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
    ],
)
def test_a_node_that_is_silent_for_a_short_time_is_not_lost(conditions: list[Json]) -> None:
    assert of_pod(pod("Running", RUNNING, conditions=conditions)) == Running(STARTED, "n1")


def test_a_running_container_has_the_time_and_place_of_its_start() -> None:
    assert of_pod(pod("Running", RUNNING)) == Running(STARTED, "n1")


@pytest.mark.parametrize(
    ("document", "events", "interrupted"),
    [
        (
            pod("Failed", reason="Evicted", message="The node was low on memory"),
            (),
            Interrupted(Interruption.EVICTED, "The node was low on memory"),
        ),
        (pod("Failed", reason="Preempting"), (), Interrupted(Interruption.PREEMPTED, "Preempting")),
        (pod("Failed", reason="NodeLost"), (), Interrupted(Interruption.NODE_LOST, "NodeLost")),
        (pod("Failed", ended(137), reason="Terminated"), (), Interrupted(Interruption.NODE_LOST, "Terminated")),
        (pod("Failed", reason="OutOfcpu"), (), Interrupted(Interruption.EVICTED, "OutOfcpu")),
        (pod("Failed", reason="UnexpectedAdmissionError"), (), Interrupted(Interruption.EVICTED, "Unexpected")),
        (pod("Unknown", RUNNING), (), Interrupted(Interruption.NODE_LOST, "the node n1 does not answer")),
        (
            pod("Running", RUNNING, metadata=deleted(120)),
            (),
            Interrupted(Interruption.NODE_LOST, "the node n1 does not answer"),
        ),
        (
            pod("Running", RUNNING, conditions=silent(61)),
            (),
            Interrupted(Interruption.NODE_LOST, "the node n1 does not answer"),
        ),
        # The node was restarted.
        (
            pod("Failed", ended(137, "ContainerStatusUnknown", message="could not be located")),
            (),
            Interrupted(Interruption.NODE_LOST, "could not be located"),
        ),
        (
            pod("Failed", ended(255, "Unknown")),
            (),
            Interrupted(Interruption.NODE_LOST, "the node n1 does not know how the container ended"),
        ),
        # Exit code 0 on SIGTERM is no success.
        (
            pod("Succeeded", ended(0), metadata=deleted(62)),
            (),
            Interrupted(Interruption.REMOVED, "the Pod was deleted"),
        ),
        (
            pod("Failed", ended(143), metadata=deleted(60)),
            (event("Killing"), event("Preempted")),
            Interrupted(Interruption.PREEMPTED, "said"),
        ),
        (
            pod("Failed", ended(143), metadata=deleted(60)),
            (event("TaintManagerEviction"),),
            Interrupted(Interruption.EVICTED, "said"),
        ),
        *(
            (pod("Failed", ended(143), conditions=disrupted(reason)), (), Interrupted(cause, "said"))
            for reason, cause in (
                ("PreemptionByScheduler", Interruption.PREEMPTED),
                ("DeletionByTaintManager", Interruption.NODE_LOST),
                ("EvictionByEvictionAPI", Interruption.EVICTED),
                ("DeletionByPodGC", Interruption.NODE_LOST),
                ("TerminationByKubelet", Interruption.EVICTED),
                ("SomethingNew", Interruption.EVICTED),
            )
        ),
    ],
)
def test_what_ends_without_the_trials_fault_is_interrupted(
    document: JsonObject, events: tuple[JsonObject, ...], interrupted: Interrupted
) -> None:
    found = of_pod(document, *events)
    assert isinstance(found, Interrupted)
    assert found.cause is interrupted.cause
    assert found.detail.startswith(interrupted.detail)


@pytest.mark.parametrize("document", [None, pod("Failed", ended(143), metadata=deleted(60))])
def test_a_job_that_is_suspended_while_it_runs_is_preempted(document: JsonObject | None) -> None:
    job: JsonObject = {"metadata": {"name": "j"}, "spec": {"suspend": True}}
    found = state(WorkerView(job, document, POD, True))
    assert found == Interrupted(Interruption.PREEMPTED, "its Job was suspended, as by Kueue for another one")


def test_a_container_that_ended_before_the_deletion_ended_by_itself() -> None:
    assert of_pod(pod("Succeeded", ended(0), metadata=deleted(30))) == Exited(ExitStatus(code=0, started=STARTED))


def evicted(at_s: float) -> JsonObject:
    return {**event("Evicted"), "firstTimestamp": at(at_s)}


def sidecar_that_ended(at_s: float) -> JsonObject:
    return status({"terminated": {"exitCode": 137, "finishedAt": at(at_s)}}, "sidecar")


@pytest.mark.parametrize("reason", ["Evicted", "Preempting", "Terminated", "NodeShutdown"])
@pytest.mark.parametrize(
    ("sidecars", "conditions", "events"),
    [
        ((sidecar_that_ended(-20),), [], ()),  # Later than the grace period allows.
        ((sidecar_that_ended(-50),), [], (evicted(-55),)),
        ((), disrupted("TerminationByKubelet", at_s=-55), ()),
    ],
)
def test_a_container_that_ended_before_its_pod_was_evicted_ended_by_itself(
    reason: str, sidecars: tuple[JsonObject, ...], conditions: list[Json], events: tuple[JsonObject, ...]
) -> None:
    document = pod("Failed", ended(0, "Completed"), *sidecars, reason=reason, conditions=conditions)
    assert of_pod(document, *events) == Exited(ExitStatus(code=0, started=STARTED))


@pytest.mark.parametrize(
    ("sidecars", "events"),
    [((), ()), ((sidecar_that_ended(-50),), ()), ((), (evicted(-60),)), ((), (event("Killing"),))],
)
def test_a_container_that_may_have_ended_for_the_eviction_is_interrupted(
    sidecars: tuple[JsonObject, ...], events: tuple[JsonObject, ...]
) -> None:
    document = pod("Failed", ended(0, "Completed"), *sidecars, reason="Evicted")
    assert isinstance(of_pod(document, *events), Interrupted)
    unknown = pod("Failed", ended(137, "ContainerStatusUnknown"), sidecar_that_ended(-20), reason="Evicted")
    assert isinstance(of_pod(unknown, *events), Interrupted)


def test_a_container_that_ended_before_its_node_was_lost_ended_by_itself() -> None:
    document = pod("Unknown", ended(0, "Completed"), reason="NodeLost")
    assert of_pod(document) == Exited(ExitStatus(code=0, started=STARTED))


def test_a_pod_that_is_being_deleted_runs_until_its_container_has_ended() -> None:
    assert of_pod(pod("Running", RUNNING, metadata=deleted(1))) == Running(STARTED, "n1")


@pytest.mark.parametrize(
    "reason",
    [
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "CreateContainerConfigError",
        "CreateContainerError",
    ],
)
def test_what_can_never_start_is_refused_with_the_clusters_words(reason: str) -> None:
    waiting = status({"waiting": {"reason": reason, "message": "because"}})
    assert of_pod(pod("Pending", waiting)) == Refused(f"{reason}: because (container trial)")


def test_an_image_of_root_is_refused_with_what_to_do() -> None:
    message = "container has runAsNonRoot and image will run as root"
    waiting = status({"waiting": {"reason": "CreateContainerConfigError", "message": message}})
    found = of_pod(pod("Pending", waiting))
    assert isinstance(found, Refused)
    assert "podTemplate.spec.securityContext" in found.detail


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        (pod("Pending", WAITING), "ContainerCreating"),
        (pod("Pending", status({"waiting": {"reason": "ErrImagePull", "message": "m"}})), "ErrImagePull: m"),
        (pod("Pending", conditions=unschedulable("no node")), "no node"),
        (pod("Pending"), ""),
    ],
)
def test_a_pod_that_waits_is_queued_with_the_clusters_words(document: JsonObject, detail: str) -> None:
    assert of_pod(document) == Queued(detail)


ABSENT = 'MountVolume.SetUp failed for volume "data" :  secret "wandb" not found'


@pytest.mark.parametrize("reason", ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"])
def test_a_pod_that_its_node_cannot_prepare_is_queued_with_what_hinders_it(reason: str) -> None:
    older, pulling = {**event(reason, "timed out"), "lastTimestamp": at(-100)}, event("Pulling")
    said = f'{reason}: MountVolume.SetUp failed for volume "data" : secret "wandb" not found'
    assert of_pod(pod("Pending", WAITING), older, event(reason, ABSENT)) == Queued(said)
    # What hindered it is over.
    assert of_pod(pod("Pending", WAITING), older, pulling) == Queued("ContainerCreating")
    assert of_pod(pod("Pending", WAITING)) == Queued("ContainerCreating")


def test_the_events_of_a_pod_that_was_scheduled_just_now_are_not_asked_for() -> None:
    conditions: list[Json] = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": at(-5)}]
    document = pod("Pending", WAITING, conditions=conditions)
    assert of_pod(document, event("FailedMount", ABSENT)) == Queued("ContainerCreating")


def test_a_pod_without_a_node_is_refused_only_after_the_limit_of_the_settings() -> None:
    document = pod("Pending", conditions=unschedulable("no node"))
    assert of_pod(document, unschedulable_s=1000) == Queued("no node")
    assert of_pod(document, unschedulable_s=600) == Refused("no node (for longer than unschedulableLimit, 600 s)")


JOB: JsonObject = {"metadata": {"name": "j", "uid": "j-1", "creationTimestamp": at(-900)}, "spec": {}, "status": {}}


def job(kind: str = "", reason: str = "", **spec: Json) -> JsonObject:
    conditions: list[Json] = [{"type": kind, "status": "True", "reason": reason}] if kind else []
    return {**JOB, "spec": spec, "status": {"conditions": conditions, "startTime": at(-600)}}


QUOTA = 'Error creating: pods "x" is forbidden: exceeded quota: q, requested: {}, used: {}, limited: {}'


@pytest.mark.parametrize(
    ("view", "events", "expected"),
    [
        (WorkerView(None, None), (), Missing()),
        (WorkerView(None, None, "", True), (), Interrupted(Interruption.REMOVED, "the Job was deleted")),
        (WorkerView(None, None, POD, True), (), Interrupted(Interruption.REMOVED, "the Pod was deleted")),
        (WorkerView(None, None, POD, True), (event("Preempted"),), Interrupted(Interruption.PREEMPTED, "said")),
        (WorkerView(JOB, None, POD, True), (), Interrupted(Interruption.REMOVED, "the Pod was deleted")),
        (WorkerView(JOB, None, POD, True), (event("NodeNotReady"),), Interrupted(Interruption.NODE_LOST, "said")),
        (WorkerView(JOB, None), (), Queued()),
        (
            WorkerView(job(suspend=True), None),
            (),
            Queued("the Job j is suspended, as by Kueue until its queue admits it"),
        ),
        # Its process may have ended with code 0 because someone deleted its Pod.
        (WorkerView(job("Complete"), None, POD), (), Interrupted(Interruption.REMOVED, "the Pod was deleted")),
        (
            WorkerView(job("Failed", "BackoffLimitExceeded"), None),
            (),
            Interrupted(Interruption.REMOVED, "the Pod was deleted"),
        ),
        (
            WorkerView(JOB, None),
            (event("FailedCreate", QUOTA.format("pods=1", "pods=4", "pods=4")),),
            Queued(QUOTA.format("pods=1", "pods=4", "pods=4").removeprefix("Error creating: ")),
        ),
        (
            WorkerView(JOB, None),
            (event("FailedCreate", QUOTA.format("cpu=8,pods=1", "cpu=0,pods=0", "cpu=4500m,pods=4")),),
            Refused(QUOTA.format("cpu=8,pods=1", "cpu=0,pods=0", "cpu=4500m,pods=4").removeprefix("Error creating: ")),
        ),
        (
            WorkerView(JOB, None),
            (event("FailedCreate", 'Error creating: pods "x" is forbidden: error looking up service account a/b'),),
            Refused('pods "x" is forbidden: error looking up service account a/b'),
        ),
        (
            WorkerView(JOB, None),
            (event("FailedCreate", "Error creating: Internal error occurred: failed calling webhook"),),
            Queued("Internal error occurred: failed calling webhook"),
        ),
    ],
)
def test_a_worker_without_a_pod(view: WorkerView, events: tuple[JsonObject, ...], expected: State) -> None:
    assert state(view, *events) == expected


def test_a_full_quota_is_refused_after_the_limit_of_the_settings() -> None:
    said = event("FailedCreate", QUOTA.format("pods=1", "pods=4", "pods=4"))
    assert isinstance(state(WorkerView(JOB, None), said, unschedulable_s=60), Refused)


SUCCESS, FAILURE = Exited(ExitStatus(code=0)), Exited(ExitStatus(code=5))
LATER = STARTED + timedelta(seconds=5)
LOST = Interrupted(Interruption.NODE_LOST, "n")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([Running(STARTED, "n1"), Running(LATER, "n2")], Running(LATER, "n1, n2")),
        ([Running(STARTED, "n1"), Queued("no node")], Queued("no node")),
        ([Running(STARTED, "n1"), SUCCESS], Running(STARTED, "n1")),
        ([SUCCESS, Running(STARTED, "n1")], SUCCESS),
        ([Running(STARTED, "n1"), FAILURE], FAILURE),
        ([SUCCESS, FAILURE], FAILURE),
        ([FAILURE, LOST], LOST),
        ([LOST, SUCCESS], LOST),
        # The chief's success ends the launch, whatever becomes of the others.
        ([SUCCESS, LOST], SUCCESS),
        ([Queued(), Refused("no image")], Refused("no image")),
        ([Queued(), Missing()], Missing()),
        ([Missing(), Missing()], Missing()),
    ],
)
def test_the_state_of_several_workers(states: list[State], expected: State) -> None:
    assert combined(states) == expected


def test_documents_of_other_forms_are_no_error() -> None:
    odd: Mapping[str, Json] = {"status": {"containerStatuses": "none", "conditions": [1]}, "metadata": []}
    assert of_pod(odd) == Queued("")
