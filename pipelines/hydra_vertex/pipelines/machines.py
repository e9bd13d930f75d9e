"""Machine types as what a KFP container step can carry: CPU and memory limits and an accelerator.

Vertex Pipelines picks the smallest machine that meets a step's limits, so a machine type is said by its size. Sizes:
https://cloud.google.com/compute/docs/machine-resource (families), and .../gpus for what goes with which accelerator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hydra_vertex.trial.protocol.errors import UserError

# GB of memory for each vCPU of the families whose types are named FAMILY-SHAPE-VCPUS.
_GB_PER_VCPU = {
    "n1-standard": 3.75,
    "n1-highmem": 6.5,
    "n1-highcpu": 0.9,
    "n2-standard": 4.0,
    "n2-highmem": 8.0,
    "n2-highcpu": 1.0,
    "n2d-standard": 4.0,
    "n2d-highmem": 8.0,
    "n2d-highcpu": 1.0,
    "e2-standard": 4.0,
    "e2-highmem": 8.0,
    "e2-highcpu": 1.0,
    "c2-standard": 4.0,
    "c2d-standard": 4.0,
    "c2d-highmem": 8.0,
    "c2d-highcpu": 2.0,
    "c3-standard": 4.0,
    "c3-highmem": 8.0,
    "c3-highcpu": 2.0,
    "g2-standard": 4.0,
}
# vCPUs and GB of the types that come with their accelerators.
_WITH_ACCELERATORS = {
    "a2-highgpu-1g": (12, 85.0),
    "a2-highgpu-2g": (24, 170.0),
    "a2-highgpu-4g": (48, 340.0),
    "a2-highgpu-8g": (96, 680.0),
    "a2-megagpu-16g": (96, 1360.0),
    "a2-ultragpu-1g": (12, 170.0),
    "a2-ultragpu-2g": (24, 340.0),
    "a2-ultragpu-4g": (48, 680.0),
    "a2-ultragpu-8g": (96, 1360.0),
    "a3-highgpu-1g": (26, 234.0),
    "a3-highgpu-2g": (52, 468.0),
    "a3-highgpu-4g": (104, 936.0),
    "a3-highgpu-8g": (208, 1872.0),
    "a3-megagpu-8g": (208, 1872.0),
    "a3-ultragpu-8g": (224, 2952.0),
}
_FAMILY_OF = {
    "NVIDIA_L4": "g2",
    "NVIDIA_TESLA_A100": "a2",
    "NVIDIA_A100_80GB": "a2",
    "NVIDIA_H100_80GB": "a3",
    "NVIDIA_H100_MEGA_80GB": "a3",
    "NVIDIA_H200_141GB": "a3",
    "NVIDIA_TESLA_T4": "n1",
    "NVIDIA_TESLA_V100": "n1",
    "NVIDIA_TESLA_P100": "n1",
    "NVIDIA_TESLA_P4": "n1",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What a step asks for. Empty text leaves that to the platform; `memory` is in KFP's form, `32G`."""

    cpu: str = ""
    memory: str = ""
    accelerator: str = ""
    accelerator_count: int = 0

    def apply_to(self, task: Any) -> None:
        """Set the limits on a KFP task. Only constants work there, which is why a machine is chosen on compiling."""
        if self.cpu:
            task.set_cpu_limit(self.cpu)
        if self.memory:
            task.set_memory_limit(self.memory)
        if self.accelerator:
            task.set_accelerator_type(self.accelerator)
            task.set_accelerator_limit(self.accelerator_count)


def machine_from(
    *, machine_type: str = "", accelerator: str = "", accelerator_count: int = 1, cpu: str = "", memory: str = ""
) -> Machine | None:
    """The machine that the options describe; None when they say nothing. `cpu` and `memory` win over the type.

    Raises UserError on a machine type that is not known, and on an accelerator that does not go with it.
    """
    if not (machine_type or accelerator or cpu or memory):
        return None
    if accelerator:
        _check_accelerator(accelerator, accelerator_count, machine_type)
    type_cpu, type_memory = _size(machine_type) if machine_type else ("", "")
    return Machine(cpu or type_cpu, memory or type_memory, accelerator, accelerator_count if accelerator else 0)


def _size(machine_type: str) -> tuple[str, str]:
    if machine_type in _WITH_ACCELERATORS:
        vcpus, gigabytes = _WITH_ACCELERATORS[machine_type]
        return str(vcpus), f"{gigabytes:g}G"
    match = re.fullmatch(r"([a-z0-9]+-[a-z]+)-(\d+)", machine_type)
    if match is None or match[1] not in _GB_PER_VCPU or int(match[2]) == 0:
        known = ", ".join(sorted({name.split("-")[0] for name in [*_GB_PER_VCPU, *_WITH_ACCELERATORS]}))
        raise UserError(
            f"--machine-type {machine_type}: not a machine type of the families {known}; "
            "say --cpu and --memory instead, such as --cpu 8 --memory 32G"
        )
    return match[2], f"{int(match[2]) * _GB_PER_VCPU[match[1]]:g}G"


def _check_accelerator(accelerator: str, count: int, machine_type: str) -> None:
    family = _FAMILY_OF.get(accelerator)
    if family is None:
        raise UserError(f"--accelerator {accelerator}: unknown; one of {', '.join(sorted(_FAMILY_OF))}")
    if count < 1:
        raise UserError(f"--accelerator-count {count}: expected 1 or more")
    if machine_type and machine_type.split("-")[0] != family:
        raise UserError(f"--accelerator {accelerator}: goes with {family} machines, and {machine_type} is none")
