"""Measures the GPUs of a trial by NVML, NVIDIA's library (the package nvidia-ml-py, an extra).

A trial that has its GPUs alone gets the figures of the device. Trials that share a GPU get those of their processes,
which NVML knows by pid: they need a service outside of containers.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from importlib import import_module
from types import ModuleType

from .reading import NO_GPU, GpuReading

NOT_INSTALLED = "the GPUs are not measured: pip install 'hydra-vertex[gpu]' (nvidia-ml-py) beside the service"
PERCENT = 100
_lock = threading.Lock()
_library: list[ModuleType | str] = []


def read_gpus(names: Sequence[str], pids: Collection[int] | None = None) -> GpuReading:
    """Measure GPUs, which are named by UUID or number. `pids` are the trial's processes where it shares the GPUs.

    Does not raise: what cannot be measured is None, and `missing` says why.
    """
    if not names:
        return NO_GPU
    library = _loaded()
    if isinstance(library, str):
        return GpuReading(len(names), missing=library)
    readings = []
    for name in names:
        try:
            readings.append(_read(library, _handle(library, name), pids))
        except library.NVMLError as error:
            return GpuReading(len(names), missing=f"GPU {name} is not measured: {error}")
    return _sum(readings)


def _loaded() -> ModuleType | str:
    """Return the library, or why there is none. It is loaded once, when the first trial with a GPU is measured."""
    with _lock:
        if not _library:
            _library.append(_load())
        return _library[0]


def _load() -> ModuleType | str:
    try:
        library = import_module("pynvml")
    except ImportError:
        return NOT_INSTALLED
    try:
        library.nvmlInit()
    except (library.NVMLError, OSError) as error:
        return f"the GPUs are not measured: NVML cannot be used ({error})"
    return library


def _handle(library: ModuleType, name: str) -> object:
    if name.isdecimal():
        return library.nvmlDeviceGetHandleByIndex(int(name))
    try:
        return library.nvmlDeviceGetHandleByUUID(name)
    except TypeError:  # an older version takes bytes
        return library.nvmlDeviceGetHandleByUUID(name.encode())


def _read(library: ModuleType, handle: object, pids: Collection[int] | None) -> GpuReading:
    memory = library.nvmlDeviceGetMemoryInfo(handle)
    limit_bytes = int(memory.total)
    if pids is not None:
        used = _memory_of(library, handle, pids)
        return GpuReading(1, _busy_of(library, handle, pids), used, limit_bytes, _unknown(used))
    return GpuReading(1, _busy(library, handle), int(memory.used), limit_bytes)


def _unknown(used_bytes: int | None) -> str:
    return "" if used_bytes is not None else "NVML does not say the GPU memory of single processes here"


def _busy(library: ModuleType, handle: object) -> float | None:
    try:
        return min(1.0, float(library.nvmlDeviceGetUtilizationRates(handle).gpu) / PERCENT)
    except library.NVMLError:
        return None  # a slice of a GPU in MIG mode has no such figure


def _busy_of(library: ModuleType, handle: object, pids: Collection[int]) -> float | None:
    try:
        samples = library.nvmlDeviceGetProcessUtilization(handle, 0)
    except library.NVMLError_NotFound:
        return 0.0  # no process has used it lately
    except library.NVMLError:
        return None
    newest = {sample.pid: sample for sample in sorted(samples, key=lambda sample: int(sample.timeStamp))}
    return min(1.0, sum(float(sample.smUtil) for pid, sample in newest.items() if pid in pids) / PERCENT)


def _memory_of(library: ModuleType, handle: object, pids: Collection[int]) -> int | None:
    processes = library.nvmlDeviceGetComputeRunningProcesses(handle)
    own = [process.usedGpuMemory for process in processes if process.pid in pids]
    return None if any(used is None for used in own) else sum(int(used) for used in own)


def _sum(readings: Sequence[GpuReading]) -> GpuReading:
    busy = [reading.busy for reading in readings if reading.busy is not None]
    used = [reading.memory_bytes for reading in readings if reading.memory_bytes is not None]
    limits = [reading.memory_limit_bytes or 0 for reading in readings]
    return GpuReading(
        gpus=len(readings),
        busy=sum(busy) / len(busy) if busy else None,
        memory_bytes=sum(used) if len(used) == len(readings) else None,
        memory_limit_bytes=sum(limits),
        missing=next((reading.missing for reading in readings if reading.missing), ""),
    )
