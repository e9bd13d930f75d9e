"""One measurement of one worker, and the errors of measuring."""

from __future__ import annotations

from dataclasses import dataclass

CHIEF = "workerpool0-0"
"""The worker of a trial of one worker."""


class NotMeasuredError(Exception):
    """The use of a worker cannot be measured. The message says why, for a reader of the report."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """The use of a worker's GPUs now: `busy` is the mean share of time with a kernel, the bytes are sums.

    None: not measured; `missing` then says why.
    """

    gpus: int = 0
    busy: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    missing: str = ""


NO_GPU = GpuReading()


@dataclass(frozen=True, slots=True)
class WorkerReading:
    """The use of a worker now. None: not measured.

    `cpu_s` are the seconds of all cores that it has used since some time: the same time in all readings with the same
    `origin`. Where only the present use is known, `cpu` is the number of cores.
    """

    worker: str = CHIEF
    cpu_s: float | None = None
    cpu: float | None = None
    origin: str = ""
    memory_bytes: int | None = None
    cpus: float | None = None
    memory_limit_bytes: int | None = None
    gpu: GpuReading = NO_GPU
    missing: str = ""


def worker_name(pool: int, replica: int) -> str:
    """Return the name of a worker, as Vertex AI has it."""
    return f"workerpool{pool}-{replica}"
