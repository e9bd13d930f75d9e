"""Measures a command of this machine by its supervisor: its processes, and the GPUs that it was given."""

from __future__ import annotations

import dataclasses

from hydra_vertex.service.devices.cpus import usable_cpus
from hydra_vertex.service.system.process_identity import ProcessId, is_alive

from .gpus import read_gpus
from .processes import read_processes, tree_of
from .reading import CHIEF, WorkerReading


def measure_supervised(
    supervisor: ProcessId,
    *,
    gpu: str | None,
    shares_gpu: bool,
    memory_limit_bytes: int | None = None,
    worker: str = CHIEF,
) -> tuple[WorkerReading, ...]:
    """Return the use of the processes below a supervisor; nothing when it has ended. Raises NotMeasuredError.

    `gpu` names its GPUs, separated by commas. A trial that shares them is measured by its processes.
    """
    tree = tree_of(supervisor.pid) if is_alive(supervisor) else []
    if len(tree) < 2:  # the command has not begun, or has ended
        return ()
    names = [] if gpu is None else [name for name in gpu.split(",") if name]
    pids = {process.pid for process in tree} if shares_gpu else None
    reading = read_processes(tree, cpus=float(usable_cpus()), memory_limit_bytes=memory_limit_bytes)
    return (dataclasses.replace(reading, worker=worker, gpu=read_gpus(names, pids)),)
