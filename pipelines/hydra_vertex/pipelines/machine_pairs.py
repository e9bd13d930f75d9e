"""Finds machine types that do not exist, and accelerators that a machine type cannot have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hydra_vertex.job import TrialJobSpec
from hydra_vertex.job.fields import parse_integer
from hydra_vertex.launcher.machine_table import (
    ATTACHED_TO_N1,
    SERIES,
    TABLE_DATE,
    TPU_COUNTS,
    TPU_MACHINES,
    WITH_ACCELERATORS,
)
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.suggestions import suggest

NONE = "ACCELERATOR_TYPE_UNSPECIFIED"
_POOLS = "trialJobSpec.workerPoolSpecs"


def require_known_machines(spec: TrialJobSpec, source: str) -> None:
    """Check the machines of all worker pools against the table. Raises UserError naming the pool, and what exists."""
    for path, problem in pool_problems(spec):
        raise UserError(
            f"{source}: {path}: {problem} (known in {TABLE_DATE}; --no-machine-check passes a newer machine)"
        )


def pool_problems(spec: TrialJobSpec) -> Iterator[tuple[str, str]]:
    """Yield the path and the problem of each machine that does not exist."""
    for index, pool in enumerate(spec.worker_pools):
        path = f"{_POOLS}[{index}].machineSpec"
        if problem := _spec_problem(pool.machine, path):
            yield path, problem


def _spec_problem(machine: JsonObject, path: str) -> str:
    accelerator = str(machine.get("acceleratorType") or "")
    return machine_problem(
        str(machine.get("machineType") or ""),
        "" if accelerator == NONE else accelerator,
        parse_integer(machine.get("acceleratorCount") or 0, f"{path}.acceleratorCount"),
    )


def machine_problem(machine_type: str, accelerator: str, count: int) -> str:
    """Return why there is no such machine; empty when there is one.

    An empty type or accelerator is none. A machine with built-in accelerators may leave them out.
    """
    if accelerator and accelerator not in accelerators():
        return f"no accelerator {excerpt(accelerator)} is known{suggest(accelerator.upper(), accelerators())}"
    if not machine_type:
        return ""
    if machine_type in TPU_MACHINES:
        return _tpu_problem(machine_type, accelerator, count)
    if machine_type in WITH_ACCELERATORS:
        return _built_in_problem(machine_type, accelerator, count)
    return _series_problem(machine_type) or _attached_problem(machine_type, accelerator, count)


def accelerators() -> tuple[str, ...]:
    """Return the names of all known accelerators, in alphabetical order."""
    tpus = {name for names in TPU_MACHINES.values() for name in names if name}
    return tuple(sorted({own for own, *_ in WITH_ACCELERATORS.values()} | ATTACHED_TO_N1.keys() | tpus))


def machines_with(accelerator: str) -> str:
    """Describe the machine types that can have an accelerator."""
    if accelerator in ATTACHED_TO_N1:
        return f"an n1 machine takes {_either(ATTACHED_TO_N1[accelerator])} {accelerator}"
    tpus = [name for name, names in TPU_MACHINES.items() if accelerator in names]
    own = [name for name, (built_in, *_) in WITH_ACCELERATORS.items() if built_in == accelerator]
    return f"{accelerator} is in {', '.join([*own, *tpus])}"


def _tpu_problem(machine_type: str, accelerator: str, count: int) -> str:
    allowed = TPU_MACHINES[machine_type]
    if accelerator not in allowed:
        names = " or ".join(name or "no accelerator" for name in allowed)
        return f"{machine_type} has {names}, not {accelerator or 'none'}"
    if machine_type == "cloud-tpu" and count not in TPU_COUNTS:
        return f"{machine_type} has {_either(TPU_COUNTS)} {accelerator}, not {count}"
    return ""


def _built_in_problem(machine_type: str, accelerator: str, count: int) -> str:
    own, number, *_ = WITH_ACCELERATORS[machine_type]
    if accelerator and (accelerator, count) != (own, number):
        return f"{machine_type} has {number} {own}, not {count} {accelerator}"
    return ""


def _series_problem(machine_type: str) -> str:
    series, _, number = machine_type.rpartition("-")
    _, sizes = SERIES.get(series, (0.0, ()))
    if number.isascii() and number.isdigit() and str(int(number)) == number and int(number) in sizes:
        return ""
    return f"no machine type {excerpt(machine_type)} is known; {_known_like(series)}"


def _known_like(series: str) -> str:
    """Describe the known types of this series, or the known families when the series is unknown."""
    if series in SERIES:
        return f"{series} has {_either(SERIES[series][1])} vCPUs"
    if like := [name for name in [*WITH_ACCELERATORS, *TPU_MACHINES] if name.rpartition("-")[0] == series]:
        return f"there are {', '.join(like)}"
    families = sorted({name.split("-")[0] for name in [*SERIES, *WITH_ACCELERATORS, *TPU_MACHINES]} - {"cloud"})
    return f"the families are {', '.join(families)}"


def _attached_problem(machine_type: str, accelerator: str, count: int) -> str:
    if not accelerator:
        return ""
    most = ATTACHED_TO_N1.get(accelerator)
    if most is None or not machine_type.startswith("n1-"):
        return f"{machine_type} cannot have {accelerator}; {machines_with(accelerator)}"
    if count not in most:
        return f"a machine has {_either(most)} {accelerator}, not {count}"
    vcpus = int(machine_type.rpartition("-")[2])
    if vcpus > most[count]:
        return f"{count} {accelerator} can have at most {most[count]} vCPUs, and {machine_type} has {vcpus}"
    return ""


def _either(numbers: Iterable[int]) -> str:
    *first, last = [str(number) for number in numbers]
    return f"{', '.join(first)} or {last}" if first else last
