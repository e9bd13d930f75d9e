"""The Kubernetes objects of a launch: a Job for each worker, and a headless Service where there are several. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hydra_vertex.job.env_references import expanded
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.metric_stream import MARKER
from hydra_vertex.service.folder import GCS
from hydra_vertex.service.trials.engines.cluster_environ import Address, cluster_environ
from hydra_vertex.service.trials.engines.contract import Launch, RefusedError, Worker
from hydra_vertex.service.trials.launch_spec import UNBUFFERED

from .machines import Machine, machine_for
from .pod_template import CONTAINER, PREFIX, is_label, merged, variable_names
from .settings import Settings

SERVICE_LABEL, LAUNCH_LABEL = f"{PREFIX}service", f"{PREFIX}launch"
WORKER_LABEL = f"{PREFIX}worker"
_JOB, _TRIAL, _LABELS = f"{PREFIX}job", f"{PREFIX}trial", f"{PREFIX}labels"

NO_IMAGE = ("", "local")
"""The images of workers of which no image was given."""

_POD_SECURITY: JsonObject = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_CONTAINER_SECURITY: JsonObject = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""What the Pod Security Standard `restricted` requires: https://kubernetes.io/docs/concepts/security/."""

_NODE_LOSS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
"""The taints of a node that does not answer."""


def job_name(launch_id: str, pool: int, replica: int) -> str:
    """Return the name of a worker's Job, which is the host name of its Pod too."""
    return f"{launch_id}-{pool}-{replica}"


def subdomain_of(launch_id: str) -> str:
    """Return the name of the headless Service of a launch of several workers."""
    return f"hydra-{launch_id}"


def host_of(launch_id: str, pool: int, replica: int) -> str:
    """Return the host name at which the other workers of a launch reach this one, from before its start."""
    return f"{job_name(launch_id, pool, replica)}.{subdomain_of(launch_id)}"


def metric_path(launch_id: str) -> str:
    """Return the path of the metric file in a worker's container: a file that the kubelet mounts, writable for all."""
    return f"/tmp/hydra-vertex-{launch_id}.metrics"  # noqa: S108 - a folder that any user of a container can write to


def output_base(launch: Launch, outputs: Mapping[str, str]) -> str:
    """Return the job's output folder or URI as workers see it: the longest prefix of `outputs` is replaced.

    Without a matching prefix, that is the URI of a bucket, or the path that the service itself uses.
    """
    base = launch.output_uri if launch.output_uri.startswith(GCS) else str(launch.output_dir)
    for prefix in sorted((text.rstrip("/") for text in outputs), key=len, reverse=True):
        if base == prefix or base.startswith(f"{prefix}/"):
            new = next(value for text, value in outputs.items() if text.rstrip("/") == prefix)
            return new.rstrip("/") + base[len(prefix) :]
    return base


def service_manifest(launch: Launch, service_id: str, owner: JsonObject) -> JsonObject:
    """Return the headless Service that gives each worker its host name. `owner` is the reference to the first Job."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": subdomain_of(launch.id),
            "labels": _own_labels(launch, service_id),
            "ownerReferences": [owner],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {LAUNCH_LABEL: launch.id},
        },
    }


def job_manifest(
    launch: Launch, worker: Worker, settings: Settings, service_id: str, nonce: str, owner: JsonObject | None
) -> JsonObject:
    """Return the Job of a worker. `nonce` marks the records in its log. Raises RefusedError for its machine and image.

    `owner` is the ownerReference of what the service runs in; None for no owner.
    """
    if worker.image in NO_IMAGE:
        raise RefusedError("the job names no image, which every Pod needs; give the app's image with --image")
    machine = machine_for(worker.machine, settings.machines)
    metadata = _metadata(launch, worker, settings, service_id)
    references: JsonObject = {"ownerReferences": [owner]} if owner else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(launch.id, worker.pool, worker.replica), **metadata, **references},
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "ttlSecondsAfterFinished": settings.ttl_s,
            # Known from 1.28: no second Pod while the first one ends. Earlier versions drop the field.
            "podReplacementPolicy": "Failed",
            "template": merged(
                _with_defaults(settings.pod_template, settings),
                {"metadata": metadata, "spec": _pod_spec(launch, worker, machine, settings, nonce)},
            ),
        },
    }


def _metadata(launch: Launch, worker: Worker, settings: Settings, service_id: str) -> JsonObject:
    given = {name: value for name, value in launch.labels.items() if is_label(name, value)}
    annotations = {_JOB: launch.job_id, _TRIAL: launch.trial_id}
    if len(given) < len(launch.labels):
        annotations[_LABELS] = json.dumps({name: value for name, value in launch.labels.items() if name not in given})
    own = {**_own_labels(launch, service_id), WORKER_LABEL: f"{worker.pool}-{worker.replica}"}
    return {"labels": {**given, **settings.labels, **own}, "annotations": annotations}


def _own_labels(launch: Launch, service_id: str) -> dict[str, str]:
    return {SERVICE_LABEL: service_id, LAUNCH_LABEL: launch.id}


def _with_defaults(template: JsonObject, settings: Settings) -> Json:
    """Return the template over what it may change: security, tolerations of a lost node, no token of the API."""
    tolerations: list[Json] = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": settings.node_loss_limit_s}
        for key in _NODE_LOSS
    ]
    spec: JsonObject = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _POD_SECURITY,
        "containers": [{"name": CONTAINER, "securityContext": _CONTAINER_SECURITY}],
    }
    result = merged({"spec": spec}, template)
    own_spec = result.get("spec") if isinstance(result, Mapping) else {}
    given = own_spec.get("tolerations") if isinstance(own_spec, Mapping) else None
    given = given if isinstance(given, list) else []
    keys = {item.get("key") for item in given if isinstance(item, Mapping)}
    added = [item for item in tolerations if isinstance(item, Mapping) and item["key"] not in keys]
    return merged(result, {"spec": {"tolerations": [*given, *added]}})


def _pod_spec(launch: Launch, worker: Worker, machine: Machine, settings: Settings, nonce: str) -> JsonObject:
    several: JsonObject = {"subdomain": subdomain_of(launch.id)} if len(launch.workers) > 1 else {}
    priority: JsonObject = {"priorityClassName": settings.priority_class} if settings.priority_class else {}
    return {
        **several,
        **priority,
        **({"nodeSelector": dict(machine.node_selector)} if machine.node_selector else {}),
        **({"tolerations": list(machine.tolerations)} if machine.tolerations else {}),
        "hostname": job_name(launch.id, worker.pool, worker.replica),
        "restartPolicy": "Never",
        # Of the Pod and not of the Job, whose time begins in the queue.
        "activeDeadlineSeconds": max(1, math.ceil(launch.timeout_s)),
        "terminationGracePeriodSeconds": max(1, math.ceil(launch.grace_s)),
        "containers": [_container(launch, worker, machine, settings, nonce)],
    }


def _container(launch: Launch, worker: Worker, machine: Machine, settings: Settings, nonce: str) -> JsonObject:
    resources = {name: dict(value) for name, value in _resources(machine).items() if value}
    return {
        "name": CONTAINER,
        "image": worker.image,
        **({"command": [literal(word) for word in worker.command]} if worker.command else {}),
        **({"args": [literal(word) for word in worker.args]} if worker.args else {}),
        "env": _variables(launch, worker, settings, nonce),
        **({"resources": resources} if resources else {}),
        "terminationMessagePath": metric_path(launch.id),
    }


def _resources(machine: Machine) -> dict[str, Mapping[str, str]]:
    # Devices cannot be overcommitted: their request is their limit.
    return {"requests": machine.requests, "limits": machine.limits}


def _variables(launch: Launch, worker: Worker, settings: Settings, nonce: str) -> list[Json]:
    identity = launch.identity(metric_path(launch.id), output_base(launch, settings.outputs))
    hosts = {other.place: Address(host_of(launch.id, *other.place)) for other in launch.workers}
    own = {**identity, **cluster_environ(launch, worker, hosts)}
    given = expanded(worker.environ, own)
    # A default, which replaces nothing that the template says.
    unbuffered = {} if UNBUFFERED in variable_names(settings.pod_template) else {UNBUFFERED: "1"}
    variables = {**unbuffered, **given, **own, **({MARKER: nonce} if nonce else {})}
    return [{"name": name, "value": literal(value)} for name, value in variables.items()]


def literal(word: str) -> str:
    """Return a word of a command, or a variable's value, so that Kubernetes does not replace `$(NAME)` and `$$` in it.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (Container.args).
    """
    return word.replace("$", "$$") if "$(" in word or "$$" in word else word
