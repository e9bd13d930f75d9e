"""Names the parts of a plan that have no effect where it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.job import TrialJobSpec, WorkerPoolSpec

from .plan import TuningPlan

_POOLS = "trialJobSpec.workerPoolSpecs"
_ACTS_HERE = frozenset({"timeout"})


def without_effect_here(plan: TuningPlan) -> Iterator[str]:
    """Yield a sentence with the fields of the search file that mean nothing to trials that are child processes."""
    fields = [*plan.job_fields, *_fields_of(plan.trial_job_spec)]
    if fields:
        verb = "has" if len(fields) == 1 else "have"
        yield f"{', '.join(fields)} {verb} no effect on this machine, because trials are its child processes"


def without_effect_on_vertex(plan: TuningPlan) -> Iterator[str]:
    """Yield a sentence for the seed, which Vertex AI's API cannot express."""
    if plan.seed is not None:
        yield f"the seed {plan.seed} has no effect on Vertex AI, because its API has no field for one"


def _fields_of(spec: TrialJobSpec) -> Iterator[str]:
    yield from (f"trialJobSpec.{name}" for name in spec.other)
    yield from (f"trialJobSpec.scheduling.{name}" for name in spec.scheduling if name not in _ACTS_HERE)
    for index, pool in enumerate(spec.worker_pools):
        yield from (f"{_POOLS}[{index}].{name}" for name in _fields_of_pool(pool))


def _fields_of_pool(pool: WorkerPoolSpec) -> Iterator[str]:
    if pool.machine:
        yield "machineSpec"
    if pool.container is not None and pool.container.image_uri:
        yield "containerSpec.imageUri"
    yield from pool.other
