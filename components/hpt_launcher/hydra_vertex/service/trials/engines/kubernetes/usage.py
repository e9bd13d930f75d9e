"""What the Pods of a launch use, from the cluster's resource metrics (metrics-server). Pure.

The API gives the mean of the cores over its last window, about every 15 to 60 s, and the working set of memory; it has
no GPUs. Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.machines.reading import NO_GPU, GpuReading, WorkerReading

from .documents import mapping, name_of, objects, quantity, text
from .pod_template import CONTAINER

NO_METRICS = (
    "the cluster's resource metrics cannot be read: it has no metrics-server, or the user of the engine may not list "
    "pods.metrics.k8s.io in the namespace"
)
NO_GPUS = "the GPUs are not measured: the cluster's resource metrics have none"
GPU_SUFFIX = "/gpu"


def reading_of(worker: str, pod: JsonObject, metrics: Sequence[JsonObject]) -> WorkerReading | None:
    """Return the use of a worker's Pod; None while the metrics do not have it."""
    usage = _container(next((item for item in metrics if name_of(item) == name_of(pod)), {}), "containers")
    used = mapping(usage, "usage")
    if not used:
        return None
    limits = mapping(_container(pod, "spec", "containers"), "resources", "limits")
    cpu, cpus = quantity(text(used, "cpu")), quantity(text(limits, "cpu"))
    gpus = sum(int(quantity(str(limits[name])) or 0) for name in limits if name.endswith(GPU_SUFFIX))
    return WorkerReading(
        worker=worker,
        cpu=None if cpu is None else float(cpu),
        memory_bytes=_whole(quantity(text(used, "memory"))),
        cpus=None if cpus is None else float(cpus),
        memory_limit_bytes=_whole(quantity(text(limits, "memory"))),
        gpu=GpuReading(gpus, missing=NO_GPUS) if gpus else NO_GPU,
    )


def _container(document: JsonObject, *path: str) -> JsonObject:
    return next((item for item in objects(document, *path) if text(item, "name") == CONTAINER), {})


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else round(value)
