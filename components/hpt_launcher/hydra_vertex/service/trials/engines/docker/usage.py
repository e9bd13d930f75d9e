"""What a container uses, from the engine's statistics. Pure, apart from reading the GPUs of this machine.

Memory is that of the container without the file cache that the kernel can drop, as `docker stats` shows it.
Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerStats
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.machines.gpus import read_gpus
from hydra_vertex.service.machines.reading import NO_GPU, GpuReading, WorkerReading

NANOSECONDS = 1e9
_CACHES = ("inactive_file", "total_inactive_file")
"""The names in version 2 of cgroups, and in version 1."""
ELSEWHERE = "the GPUs are not measured: the Docker engine is on another machine"


def reading_of(
    worker: str, container_id: str, stats: JsonObject, *, cpus: float | None, gpu: GpuReading = NO_GPU
) -> WorkerReading | None:
    """Return the use in a document of statistics; None when the container does not run. `cpus` is its limit."""
    cpu, memory = _object(stats, "cpu_stats"), _object(stats, "memory_stats")
    used_ns, used_bytes = _number(_object(cpu, "cpu_usage"), "total_usage"), _number(memory, "usage")
    if used_ns is None or used_bytes is None:
        return None
    details = _object(memory, "stats")
    cache = next((found for name in _CACHES if (found := _number(details, name)) is not None), 0)
    limit = _number(memory, "limit")
    return WorkerReading(
        worker=worker,
        cpu_s=used_ns / NANOSECONDS,
        origin=container_id,
        memory_bytes=round(max(0, used_bytes - cache)),
        cpus=cpus or _number(cpu, "online_cpus"),
        memory_limit_bytes=None if limit is None else round(limit),
        gpu=gpu,
    )


def gpus_of(label: str, *, is_here: bool) -> GpuReading:
    """Return the use of the GPUs in a container's label. `is_here`: the engine is on this machine."""
    names: Sequence[str] = [name for name in label.split(",") if name]
    if not names or is_here:
        return read_gpus(names)
    return GpuReading(len(names), missing=ELSEWHERE)


def _object(document: JsonObject, name: str) -> JsonObject:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _number(document: JsonObject, name: str) -> float | None:
    value: Json = document.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
