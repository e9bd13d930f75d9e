"""Converts machine types to what a KFP container step can request: CPU and memory limits and an accelerator.

Vertex Pipelines selects the machine that is closest to a step's limits, so a machine type is expressed by its size.
Source of the maximum that a step may request: https://cloud.google.com/vertex-ai/docs/pipelines/machine-types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hydra_vertex.launcher.machine_table import ATTACHED_TO_N1, SERIES, TABLE_DATE, TPU_MACHINES, WITH_ACCELERATORS
from hydra_vertex.protocol.errors import UserError

from .machine_pairs import machine_problem, machines_with

MAX_VCPUS = 96
MAX_MEMORY_GB = 624.0
"""The maximum limits of a step on Vertex Pipelines."""
_DEVICE = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"


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
    *,
    machine_type: str = "",
    accelerator: str = "",
    accelerator_count: int = 1,
    cpu: str = "",
    memory: str = "",
    is_checked: bool = True,
) -> Machine | None:
    """Return the machine that the options describe; None when all are empty. `cpu` and `memory` override the type.

    A type with built-in accelerators (g2, g4, a2, a3, a4) includes them when no accelerator is named. `is_checked`
    False accepts an unknown accelerator, and an accelerator that the type cannot have. An accelerator with a `/` is a
    resource of a Kubernetes cluster. Raises UserError for an unknown
    type, because its size is needed, for one that no step can have, and for a limit that KFP cannot hold.
    """
    if not (machine_type or accelerator or cpu or memory):
        return None
    _check_form("--cpu", cpu, r"\d*\.?\d+|\d+m", "vCPUs such as 8, 0.5 or 500m")
    _check_form("--memory", memory, r"\d+([EPTGMK]i?)?", "a whole number with a unit, such as 32G or 1500M")
    _check_type(machine_type)
    if "/" in accelerator:
        _check_form("--accelerator", accelerator, _DEVICE, "the resource of a device plugin, such as nvidia.com/gpu")
    elif is_checked:
        _check_pair(machine_type, accelerator, accelerator_count)
    type_cpu, type_memory, own, own_count = _resources(machine_type)
    if not accelerator and accelerator_count not in {1, own_count}:
        raise UserError(f"--accelerator-count {accelerator_count}: name the accelerator too, with --accelerator")
    return Machine(
        cpu or type_cpu,
        memory or type_memory,
        accelerator or own,
        accelerator_count if accelerator else own_count,
    )


def _resources(machine_type: str) -> tuple[str, str, str, int]:
    """Return vCPUs, memory, accelerator and its number. The limits of a type with accelerators, which determine the
    machine, are capped at the maximum.
    """
    if not machine_type:
        return "", "", "", 0
    if machine_type in WITH_ACCELERATORS:
        own, count, vcpus, gigabytes = WITH_ACCELERATORS[machine_type]
        return str(min(vcpus, MAX_VCPUS)), _gigabytes(min(gigabytes, MAX_MEMORY_GB)), own, count
    series, _, number = machine_type.rpartition("-")
    return number, _gigabytes(int(number) * SERIES[series][0]), "", 0


def _check_type(machine_type: str) -> None:
    """Check that the size of a type is known, and that a step can have it."""
    if machine_type in TPU_MACHINES:
        raise UserError(
            f"--machine-type {machine_type}: a pipeline step cannot have this machine; choose one with GPUs"
        )
    if problem := machine_problem(machine_type, "", 0):
        raise UserError(
            f"--machine-type {machine_type}: {problem} (known in {TABLE_DATE}). Or give --cpu and --memory, such as "
            "--cpu 8 --memory 32G"
        )
    series, _, number = machine_type.rpartition("-")
    if series in SERIES and machine_type not in WITH_ACCELERATORS:
        gigabytes = int(number) * SERIES[series][0]
        if int(number) > MAX_VCPUS or gigabytes > MAX_MEMORY_GB:
            raise UserError(
                f"--machine-type {machine_type}: has {number} vCPUs and {gigabytes:g} GB, and a pipeline step can have "
                f"at most {MAX_VCPUS} vCPUs and {MAX_MEMORY_GB:g} GB"
            )


def _check_pair(machine_type: str, accelerator: str, count: int) -> None:
    problem = machine_problem(machine_type, accelerator, count if accelerator else 0)
    if not problem and accelerator and not machine_type:
        problem = _count_problem(accelerator, count)
    if problem:
        raise UserError(
            f"--accelerator {accelerator} --accelerator-count {count}: {problem} (known in {TABLE_DATE}; "
            "--no-machine-check passes a newer machine)"
        )


def _count_problem(accelerator: str, count: int) -> str:
    """Return why no machine has this number of accelerators; empty when one has."""
    built_in = {number for own, number, *_ in WITH_ACCELERATORS.values() if own == accelerator}
    possible = ATTACHED_TO_N1.get(accelerator) or built_in
    return "" if not possible or count in possible else f"no machine has {count}; {machines_with(accelerator)}"


def _gigabytes(gigabytes: float) -> str:
    """Format for KFP, which takes whole numbers only; some types have 3.75 GB, written as 3750M."""
    return f"{gigabytes:.0f}G" if gigabytes.is_integer() else f"{gigabytes * 1000:.0f}M"


def _check_form(option: str, value: str, form: str, expected: str) -> None:
    if value and re.fullmatch(form, value, re.ASCII) is None:
        raise UserError(f"{option} {value}: expected {expected}")
