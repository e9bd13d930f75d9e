"""The size of a worker on Vertex AI, from the machine of its pool. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hydra_vertex.job import TrialJobSpec
from hydra_vertex.job.fields import Fields
from hydra_vertex.launcher.machine_table import ACCELERATOR_GB, SERIES, WITH_ACCELERATORS
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import DocumentError

_GIB = 1 << 30
"""Google's table says GB, and its machines have that number of GiB."""
_NO_ACCELERATOR = {"", "ACCELERATOR_TYPE_UNSPECIFIED"}


@dataclass(frozen=True, slots=True)
class MachineSize:
    """The size of one worker; None is unknown, and `problem` then says why."""

    cpus: float | None = None
    memory_bytes: int | None = None
    gpus: int = 0
    gpu_memory_bytes: int | None = None
    problem: str = ""


def size_of(spec: TrialJobSpec, worker: str) -> MachineSize:
    """Return the size of a worker with a name such as workerpool0-0: its pool is the number in it."""
    pool = re.match(r"workerpool(\d+)", worker)
    number = int(pool[1]) if pool else 0
    if number >= len(spec.worker_pools):
        return MachineSize(problem=f"the job has no worker pool {number}, so the size of its machines is unknown")
    fields = Fields(spec.worker_pools[number].machine, f"workerPoolSpecs[{number}].machineSpec")
    try:
        kind, accelerator = fields.text("machineType"), fields.text("acceleratorType")
        count = fields.integer("acceleratorCount")
    except DocumentError as error:
        return MachineSize(problem=str(error))
    return _size(kind, accelerator, count)


def _size(kind: str, accelerator: str, count: int) -> MachineSize:
    series, _, vcpus = kind.rpartition("-")
    if kind in WITH_ACCELERATORS:
        built_in, number, cpus, memory_gb = WITH_ACCELERATORS[kind]
        accelerator, count = built_in, number
    elif series in SERIES and vcpus.isdecimal():
        cpus, memory_gb = int(vcpus), SERIES[series][0] * int(vcpus)
    else:
        return MachineSize(
            problem=f"the size of the machine type {excerpt(kind) or 'of the job'} is unknown to this version, so its "
            "shares of CPU and memory cannot be given as cores and bytes"
        )
    gpus = 0 if accelerator in _NO_ACCELERATOR else max(1, count)
    gpu_gb = ACCELERATOR_GB.get(accelerator)
    return MachineSize(
        cpus=float(cpus),
        memory_bytes=round(memory_gb * _GIB),
        gpus=gpus,
        gpu_memory_bytes=gpus * gpu_gb * _GIB if gpus and gpu_gb else None,
        problem=f"the memory of {excerpt(accelerator)} is unknown to this version" if gpus and not gpu_gb else "",
    )
