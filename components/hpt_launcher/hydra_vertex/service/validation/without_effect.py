"""Names the fields of a job that the embedded service keeps but does not act on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hydra_vertex.job import TrialJobSpec, WorkerPoolSpec
from hydra_vertex.protocol.json import JsonObject

LOCAL = "local"
"""The machine type and the image of jobs that are made for this service."""
_SET_BY_THE_SERVICE = frozenset({"satisfiesPzs", "satisfiesPzi"})


def fields_without_effect(spec: TrialJobSpec, path: str, other: JsonObject) -> Iterator[str]:
    """Yield the paths of fields that have no effect on trials that are child processes.

    `path` is that of the trials' job in the document, and `other` are further fields of the document.
    """
    yield from (name for name in other if name not in _SET_BY_THE_SERVICE)
    yield from (f"{path}.{name}" for name in spec.other)
    yield from (f"{path}.scheduling.{name}" for name in spec.scheduling)
    for index, pool in enumerate(spec.worker_pools):
        yield from (f"{path}.workerPoolSpecs[{index}].{name}" for name in _fields_of_pool(pool))


def sentence(fields: tuple[str, ...], where: str = "on this machine, because trials are its child processes") -> str:
    """Return that these fields have no effect, and where; empty without fields."""
    verb = "has" if len(fields) == 1 else "have"
    return f"{', '.join(fields)} {verb} no effect {where}" if fields else ""


def sentence_with_engine(fields: Iterable[str], engine: str) -> str:
    """Return the sentence for the engine `engine`, which has machines and images; empty means this machine."""
    if not engine:
        return sentence(tuple(fields))
    left = tuple(field for field in fields if not field.endswith((".machineSpec", ".imageUri")))
    return sentence(left, f"with --engine {engine}")


def _fields_of_pool(pool: WorkerPoolSpec) -> Iterator[str]:
    if pool.machine and pool.machine != {"machineType": LOCAL}:
        yield "machineSpec"
    if pool.container is not None and pool.container.image_uri not in {"", LOCAL}:
        yield "containerSpec.imageUri"
    yield from pool.other
