"""Converts machine types to what a KFP container step can request: CPU and memory limits and an accelerator.

Vertex Pipelines selects the machine that is closest to a step's limits, so a machine type is expressed by its size.
Sources: https://cloud.google.com/compute/docs/machine-resource and https://cloud.google.com/compute/docs/gpus for the
types, https://cloud.google.com/vertex-ai/docs/pipelines/machine-types for the maximum that a step may request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hydra_vertex.protocol.errors import UserError

MAX_VCPUS = 96
MAX_MEMORY_GB = 624.0
"""The maximum limits of a step on Vertex Pipelines."""

# GB of memory per vCPU, and the available numbers of vCPUs, of the types named SERIES-VCPUS.
SERIES = {
    "n1-standard": (3.75, (1, 2, 4, 8, 16, 32, 64, 96)),
    "n1-highmem": (6.5, (2, 4, 8, 16, 32, 64, 96)),
    "n1-highcpu": (0.9, (2, 4, 8, 16, 32, 64, 96)),
    "n2-standard": (4.0, (2, 4, 8, 16, 32, 48, 64, 80, 96)),
    "n2-highmem": (8.0, (2, 4, 8, 16, 32, 48, 64, 80)),
    "n2-highcpu": (1.0, (2, 4, 8, 16, 32, 48, 64, 80, 96)),
    "n2d-standard": (4.0, (2, 4, 8, 16, 32, 48, 64, 80, 96)),
    "n2d-highmem": (8.0, (2, 4, 8, 16, 32, 48, 64)),
    "n2d-highcpu": (1.0, (2, 4, 8, 16, 32, 48, 64, 80, 96)),
    "e2-standard": (4.0, (2, 4, 8, 16, 32)),
    "e2-highmem": (8.0, (2, 4, 8, 16)),
    "e2-highcpu": (1.0, (2, 4, 8, 16, 32)),
    "c2-standard": (4.0, (4, 8, 16, 30, 60)),
    "c2d-standard": (4.0, (2, 4, 8, 16, 32, 56)),
    "c2d-highmem": (8.0, (2, 4, 8, 16, 32, 56)),
    "c2d-highcpu": (2.0, (2, 4, 8, 16, 32, 56)),
    "c3-standard": (4.0, (4, 8, 22, 44, 88)),
    "c3-highmem": (8.0, (4, 8, 22, 44)),
    "c3-highcpu": (2.0, (4, 8, 22, 44, 88)),
}
# Accelerator, number of accelerators, vCPUs and GB of memory of the types with built-in accelerators.
WITH_ACCELERATORS = {
    "g2-standard-4": ("NVIDIA_L4", 1, 4, 16.0),
    "g2-standard-8": ("NVIDIA_L4", 1, 8, 32.0),
    "g2-standard-12": ("NVIDIA_L4", 1, 12, 48.0),
    "g2-standard-16": ("NVIDIA_L4", 1, 16, 64.0),
    "g2-standard-24": ("NVIDIA_L4", 2, 24, 96.0),
    "g2-standard-32": ("NVIDIA_L4", 1, 32, 128.0),
    "g2-standard-48": ("NVIDIA_L4", 4, 48, 192.0),
    "g2-standard-96": ("NVIDIA_L4", 8, 96, 384.0),
    "a2-highgpu-1g": ("NVIDIA_TESLA_A100", 1, 12, 85.0),
    "a2-highgpu-2g": ("NVIDIA_TESLA_A100", 2, 24, 170.0),
    "a2-highgpu-4g": ("NVIDIA_TESLA_A100", 4, 48, 340.0),
    "a2-highgpu-8g": ("NVIDIA_TESLA_A100", 8, 96, 680.0),
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", 16, 96, 1360.0),
    "a2-ultragpu-1g": ("NVIDIA_A100_80GB", 1, 12, 170.0),
    "a2-ultragpu-2g": ("NVIDIA_A100_80GB", 2, 24, 340.0),
    "a2-ultragpu-4g": ("NVIDIA_A100_80GB", 4, 48, 680.0),
    "a2-ultragpu-8g": ("NVIDIA_A100_80GB", 8, 96, 1360.0),
    "a3-highgpu-1g": ("NVIDIA_H100_80GB", 1, 26, 234.0),
    "a3-highgpu-2g": ("NVIDIA_H100_80GB", 2, 52, 468.0),
    "a3-highgpu-4g": ("NVIDIA_H100_80GB", 4, 104, 936.0),
    "a3-highgpu-8g": ("NVIDIA_H100_80GB", 8, 208, 1872.0),
    "a3-edgegpu-8g": ("NVIDIA_H100_80GB", 8, 208, 1872.0),
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", 8, 208, 1872.0),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", 8, 224, 2952.0),
    "a4-highgpu-8g": ("NVIDIA_B200", 8, 224, 3968.0),
}
# The numbers of each accelerator that can be attached to an n1 machine.
ATTACHED_TO_N1 = {
    "NVIDIA_TESLA_T4": (1, 2, 4),
    "NVIDIA_TESLA_V100": (1, 2, 4, 8),
    "NVIDIA_TESLA_P100": (1, 2, 4),
    "NVIDIA_TESLA_P4": (1, 2, 4),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources that a step requests. The platform chooses what is empty; `memory` is in KFP's format, `32G`."""

    cpu: str = ""
    memory: str = ""
    accelerator: str = ""
    accelerator_count: int = 0

    def apply_to(self, task: Any) -> None:
        """Set the limits on a KFP task. KFP takes constants only, so the machine is chosen at compile time."""
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
    """Return the machine that the options describe; None when all are empty. `cpu` and `memory` override the type.

    A type with built-in accelerators (g2, a2, a3, a4) includes them when no accelerator is named. Raises UserError for
    an unknown type or accelerator, for a type and an accelerator that do not fit, and for a limit that KFP cannot hold.
    """
    if not (machine_type or accelerator or cpu or memory):
        return None
    _check_form("--cpu", cpu, r"\d*\.?\d+|\d+m", "vCPUs such as 8, 0.5 or 500m")
    _check_form("--memory", memory, r"\d+([EPTGMK]i?)?", "a whole number with a unit, such as 32G or 1500M")
    if machine_type in WITH_ACCELERATORS:
        bundled = _bundled(machine_type, accelerator, accelerator_count)
        return Machine(cpu or bundled.cpu, memory or bundled.memory, bundled.accelerator, bundled.accelerator_count)
    type_cpu, type_memory = _size(machine_type) if machine_type else ("", "")
    if accelerator:
        _check_accelerator(accelerator, accelerator_count, machine_type)
    return Machine(cpu or type_cpu, memory or type_memory, accelerator, accelerator_count if accelerator else 0)


def _bundled(machine_type: str, accelerator: str, accelerator_count: int) -> Machine:
    """Return a type with its accelerators. They determine the machine, so its limits are capped at the maximum."""
    own, count, vcpus, gigabytes = WITH_ACCELERATORS[machine_type]
    if accelerator and (accelerator, accelerator_count) != (own, count):
        raise UserError(
            f"--machine-type {machine_type} has {count} {own}, not {accelerator_count} {accelerator}; "
            f"give --accelerator {own} --accelerator-count {count}, or leave both out"
        )
    return Machine(str(min(vcpus, MAX_VCPUS)), _gigabytes(min(gigabytes, MAX_MEMORY_GB)), own, count)


def _size(machine_type: str) -> tuple[str, str]:
    series, _, number = machine_type.rpartition("-")
    gb_per_vcpu, sizes = SERIES.get(series, (0.0, ()))
    if not number.isascii() or not number.isdigit() or int(number) not in sizes:
        raise UserError(
            f"--machine-type {machine_type}: unknown; {_known_like(series)}. "
            "Or give --cpu and --memory, such as --cpu 8 --memory 32G"
        )
    return str(int(number)), _gigabytes(int(number) * gb_per_vcpu)


def _known_like(series: str) -> str:
    """Describe the known types of this series, or the known families when the series is unknown."""
    if series in SERIES:
        return f"a step can use {series} with {', '.join(str(size) for size in SERIES[series][1])} vCPUs"
    if like := [name for name in WITH_ACCELERATORS if name.rpartition("-")[0] == series]:
        return f"known are {', '.join(like)}"
    return f"the families are {', '.join(sorted({name.split('-')[0] for name in [*SERIES, *WITH_ACCELERATORS]}))}"


def _gigabytes(gigabytes: float) -> str:
    """Format for KFP, which takes whole numbers only; some types have 3.75 GB, written as 3750M."""
    return f"{gigabytes:.0f}G" if gigabytes.is_integer() else f"{gigabytes * 1000:.0f}M"


def _check_form(option: str, value: str, form: str, expected: str) -> None:
    if value and re.fullmatch(form, value, re.ASCII) is None:
        raise UserError(f"{option} {value}: expected {expected}")


def _check_accelerator(accelerator: str, count: int, machine_type: str) -> None:
    families = {own: name.split("-")[0] for name, (own, *_) in WITH_ACCELERATORS.items()}
    families |= dict.fromkeys(ATTACHED_TO_N1, "n1")
    if accelerator not in families:
        raise UserError(f"--accelerator {accelerator}: unknown; expected one of {', '.join(sorted(families))}")
    if machine_type and machine_type.split("-")[0] != families[accelerator]:
        raise UserError(
            f"--accelerator {accelerator}: needs a {families[accelerator]} machine type, and {machine_type} is not one"
        )
    counts = ATTACHED_TO_N1.get(accelerator) or sorted(
        {n for own, n, *_ in WITH_ACCELERATORS.values() if own == accelerator}
    )
    if count not in counts:
        raise UserError(
            f"--accelerator-count {count}: expected {', '.join(str(number) for number in counts)} for {accelerator}"
        )
