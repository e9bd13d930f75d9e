"""A stand-in for the module of nvidia-ml-py: the functions and errors that are used, on the GPUs of a JSON file.

FAKE_NVML names the file: {"error": "..."} or {"gpus": [{"uuid", "used", "total", "gpu", "processes"}]}; the processes
are {pid: [percent, used]}.
Like the library, it raises subclasses of NVMLError, and needs nvmlInit before any other call.
"""

# ruff: noqa: N801, N802, N818 - the names of the library

import json
import os
from pathlib import Path
from types import SimpleNamespace


class NVMLError(Exception):
    pass


class NVMLError_NotFound(NVMLError):
    pass


class NVMLError_NotSupported(NVMLError):
    pass


_state = {"gpus": None}


def nvmlInit():
    content = json.loads(Path(os.environ["FAKE_NVML"]).read_text())
    if "error" in content:
        raise NVMLError(content["error"])
    _state["gpus"] = content["gpus"]


def _gpus():
    if _state["gpus"] is None:
        raise NVMLError("Uninitialized")
    _state["gpus"] = json.loads(Path(os.environ["FAKE_NVML"]).read_text())["gpus"]
    return _state["gpus"]


def nvmlDeviceGetHandleByIndex(index):
    if index >= len(_gpus()):
        raise NVMLError("Invalid Argument")
    return index


def nvmlDeviceGetHandleByUUID(uuid):
    for index, gpu in enumerate(_gpus()):
        if gpu["uuid"] == uuid:
            return index
    raise NVMLError_NotFound("Not Found")


def nvmlDeviceGetMemoryInfo(handle):
    gpu = _gpus()[handle]
    return SimpleNamespace(total=gpu["total"], used=gpu["used"], free=gpu["total"] - gpu["used"])


def nvmlDeviceGetUtilizationRates(handle):
    gpu = _gpus()[handle]
    if gpu["gpu"] is None:
        raise NVMLError_NotSupported("Not Supported")
    return SimpleNamespace(gpu=gpu["gpu"], memory=0)


def nvmlDeviceGetComputeRunningProcesses(handle):
    processes = _gpus()[handle].get("processes", {})
    return [SimpleNamespace(pid=int(pid), usedGpuMemory=used) for pid, (_, used) in processes.items()]


def nvmlDeviceGetProcessUtilization(handle, last_seen):
    processes = _gpus()[handle].get("processes", {})
    if not processes:
        raise NVMLError_NotFound("Not Found")
    return [SimpleNamespace(pid=int(pid), smUtil=sm, timeStamp=1) for pid, (sm, _) in processes.items()]
