"""What a machineSpec of the API means in a cluster: resources, node selector and tolerations. Pure.

The mapping of the config file decides. A machine type without an entry requests a share of the vCPUs and of the memory
that its name states, because a node keeps a part for itself; an accelerator without an entry is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.trials.engines.contract import RefusedError

from .documents import quantity
from .setting_values import mapping_of, texts_of, wrong

NO_ACCELERATOR = ("", "ACCELERATOR_TYPE_UNSPECIFIED")
LOCAL = "local"
"""The machine type of workers that need no particular machine: it requests nothing, unless it has an entry."""

_KEYS = ("requests", "limits", "nodeSelector", "tolerations")
_TOLERATION_KEYS = ("key", "operator", "value", "effect", "tolerationSeconds")

_MEMORY_GB_PER_CPU = {"standard": 3.75, "highmem": 6.5, "highcpu": 0.9}
"""The least of the general-purpose series of Compute Engine, https://cloud.google.com/compute/docs/machine-resource."""
_MACHINE_TYPE = re.compile(r"[a-z][0-9a-z]*-(standard|highmem|highcpu)-([0-9]{1,3})(?:-[a-z]+)?")
_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Machine:
    """An entry of `machines`, or what a worker needs: quantities by resource name, and where its Pod may run."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[JsonObject, ...] = ()

    def with_other(self, other: Machine) -> Machine:
        """Return this machine with what another adds; the other one is preferred where both state a value."""
        return Machine(
            {**self.requests, **other.requests},
            {**self.limits, **other.limits},
            {**self.node_selector, **other.node_selector},
            (*self.tolerations, *(item for item in other.tolerations if item not in self.tolerations)),
        )

    def times(self, count: int) -> Machine:
        """Return the machine with `count` of each device: of the resources whose name has a domain."""
        requests, limits = (
            {name: str(int(value) * count) if "/" in name else value for name, value in values.items()}
            for values in (self.requests, self.limits)
        )
        return Machine(requests, limits, self.node_selector, self.tolerations)


def parse_machine(name: str, value: Json) -> Machine:
    """Read an entry of `machines`. Raises UserError."""
    path = f"machines.{name}"
    if not isinstance(value, Mapping):
        raise wrong(path, f"expected a mapping with {', '.join(_KEYS)}", value)
    unknown = sorted(set(value) - set(_KEYS))
    if unknown:
        raise UserError(f"engine kubernetes: {path}: unknown key {unknown[0]!r}; the keys are {', '.join(_KEYS)}")
    return Machine(
        _quantities(value.get("requests"), f"{path}.requests"),
        _quantities(value.get("limits"), f"{path}.limits"),
        texts_of(value.get("nodeSelector"), f"{path}.nodeSelector"),
        _tolerations(value.get("tolerations"), f"{path}.tolerations"),
    )


def machine_for(spec: JsonObject, machines: Mapping[str, Machine]) -> Machine:
    """Return what a worker with this machineSpec needs. Raises RefusedError for what has no meaning in the cluster."""
    machine = Machine()
    machine_type, accelerator = str(spec.get("machineType") or ""), str(spec.get("acceleratorType") or "")
    if machine_type in machines or machine_type not in ("", LOCAL):
        machine = machines[machine_type] if machine_type in machines else _by_name(machine_type)
    if accelerator not in NO_ACCELERATOR:
        if accelerator not in machines:
            raise RefusedError(
                f"acceleratorType {accelerator}: the engine's config file has no entry for it; add under machines: "
                f"{accelerator}: {{limits: {{nvidia.com/gpu: 1}}, nodeSelector: {{...}}}}"
                f"{_known(machines)}"
            )
        machine = machine.with_other(machines[accelerator].times(_count(spec)))
    return machine


def _by_name(machine_type: str) -> Machine:
    match = _MACHINE_TYPE.fullmatch(machine_type)
    if match is None:
        raise RefusedError(
            f"machineType {machine_type}: its size is unknown; add to the engine's config file under machines: "
            f"{machine_type}: {{requests: {{cpu: 4, memory: 16Gi}}}}"
        )
    cpus = int(match[2])
    memory_mib = int(cpus * _MEMORY_GB_PER_CPU[match[1]] * _SHARE * 1e9 / (1 << 20))
    return Machine({"cpu": f"{int(cpus * 1000 * _SHARE)}m", "memory": f"{memory_mib}Mi"})


def _count(spec: JsonObject) -> int:
    value = spec.get("acceleratorCount")
    return max(1, int(value)) if isinstance(value, (int, str)) and str(value).isdigit() else 1


def _known(machines: Mapping[str, Machine]) -> str:
    return f"; it has {', '.join(sorted(machines))}" if machines else ""


def _quantities(value: Json, path: str) -> dict[str, str]:
    result = {}
    for name, amount in mapping_of(value, path).items():
        shown = str(amount) if isinstance(amount, (int, float, str)) and not isinstance(amount, bool) else ""
        if quantity(shown) is None or ("/" in name and not shown.isdigit()):
            wanted = "a whole number" if "/" in name else "a quantity such as 4, 500m or 16Gi"
            raise wrong(f"{path}.{name}", f"expected {wanted}", amount)
        result[name] = shown
    return result


def _tolerations(value: Json, path: str) -> tuple[JsonObject, ...]:
    if not isinstance(value, (list, type(None))):
        raise wrong(path, "expected a list", value)
    result = []
    for index, item in enumerate(value or ()):
        if not isinstance(item, Mapping) or not set(item) <= set(_TOLERATION_KEYS):
            raise wrong(f"{path}[{index}]", f"expected a mapping with {', '.join(_TOLERATION_KEYS)}", item)
        result.append(item)
    return tuple(result)
