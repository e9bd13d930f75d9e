"""What a job uses, from the statistics of its steps and from its allocation. Pure.

Slurm samples the processes of a step on its nodes and gives the sums over all of its tasks, so the workers of a trial
are measured together. The GPU figures are there only where the cluster gathers them (`gres/gpuutil`, `gres/gpumem`).
Sources: TRESUsageInTot in sstat(1), JobAcctGatherParams in slurm.conf(5), AllocTRES in scontrol(1), before Slurm 23.02
TRES.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.service.machines.reading import CHIEF, NO_GPU, GpuReading, WorkerReading

ALL_WORKERS = "all workers"
"""The name of the curve of a trial of several workers."""
NO_GPUS = (
    "the GPUs are not measured: the statistics of the cluster's jobs have no gres/gpuutil and no gres/gpumem"
    " (JobAcctGatherType with AutoDetect=nvml in gres.conf)"
)
NO_STATISTICS = "Slurm has no statistics of the job's steps: JobAcctGatherType of the cluster is jobacct_gather/none"
PERCENT = 100
_TIME = re.compile(r"(?:(\d+)-)?(\d+):(\d+):(\d+(?:\.\d+)?)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]?)")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a job may use on all of its nodes. None: unknown."""

    cpus: float | None = None
    memory_bytes: int | None = None
    gpus: int = 0


def parse_allocation(fields: Mapping[str, str], gpus: int) -> Allocation:
    """Parse the fields of `scontrol show job`. `gpus` is their number where the cluster does not account for GPUs."""
    tres = _tres(fields.get("AllocTRES") or fields.get("TRES") or "")
    counted = tres.get("gres/gpu", "")
    return Allocation(
        cpus=float(tres["cpu"]) if tres.get("cpu", "").isdigit() else None,
        memory_bytes=_bytes(tres.get("mem", "")),
        gpus=int(counted) if counted.isdigit() else gpus,
    )


def parse_use(text: str, job_id: str, workers: int, allocation: Allocation) -> WorkerReading | None:
    """Return the use in the output of `sstat --format=JobID,TRESUsageInTot`; None while no step has statistics."""
    steps = list(_steps(text, job_id))
    cpu_s = [found for step in steps if (found := _seconds(step.get("cpu", ""))) is not None]
    if not cpu_s:
        return None
    return WorkerReading(
        worker=CHIEF if workers == 1 else ALL_WORKERS,
        cpu_s=sum(cpu_s),
        origin=job_id,
        memory_bytes=sum(_bytes(step.get("mem", "")) or 0 for step in steps),
        cpus=allocation.cpus,
        memory_limit_bytes=allocation.memory_bytes,
        gpu=_gpu(steps, allocation.gpus),
    )


def has_steps(text: str, job_id: str) -> bool:
    """Return whether an output of `sstat` has a step of a job, with statistics or without."""
    return any(line.partition("|")[0].partition(".")[0] == job_id for line in text.splitlines())


def _steps(text: str, job_id: str) -> Iterator[dict[str, str]]:
    """Yield the resources of each step of a job: `24.batch|cpu=00:00:03,mem=12024K`."""
    for line in text.splitlines():
        step, _, tres = line.partition("|")
        if step.partition(".")[0] == job_id:
            yield _tres(tres)


def _tres(text: str) -> dict[str, str]:
    return {name: value for part in text.split(",") for name, equals, value in [part.partition("=")] if equals}


def _gpu(steps: Sequence[Mapping[str, str]], gpus: int) -> GpuReading:
    if not gpus:
        return NO_GPU
    busy = [float(step["gres/gpuutil"]) for step in steps if step.get("gres/gpuutil", "").isdigit()]
    used = [found for step in steps if (found := _bytes(step.get("gres/gpumem", ""))) is not None]
    return GpuReading(
        gpus=gpus,
        busy=min(1.0, sum(busy) / gpus / PERCENT) if busy else None,
        memory_bytes=sum(used) if used else None,
        missing="" if busy or used else NO_GPUS,
    )


def _seconds(text: str) -> float | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = match.groups()
    return ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


def _bytes(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    return None if match is None else round(float(match[1]) * 1024 ** _POWERS[match[2]])
