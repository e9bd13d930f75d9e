"""Which worker pools of a trial run the app. Pure.

Vertex AI gives the pools of a distributed job roles by their order: primary replica, workers, servers, evaluators; an
empty pool is one that is not used. A reduction server is the third pool, in an image of Google's without a command:
`us-docker.pkg.dev/vertex-ai-restricted/training/reductionserver:latest`. Source:
https://cloud.google.com/vertex-ai/docs/training/distributed-training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .trial_job_spec import WorkerPoolSpec

_REDUCTION_SERVER = "reductionserver"


def app_pools(pools: Sequence[WorkerPoolSpec]) -> Iterator[int]:
    """Yield the indexes of the pools that run the app: the first pool, and each further one that is no server."""
    return (index for index, pool in enumerate(pools) if runs_app(index, pool))


def runs_app(index: int, pool: WorkerPoolSpec) -> bool:
    """Whether the pool at `index` runs the app: it is not empty, and a further pool has no program of its own."""
    if pool == WorkerPoolSpec() or "pythonPackageSpec" in pool.other:
        return False
    return index == 0 or not _has_own_program(pool)


def _has_own_program(pool: WorkerPoolSpec) -> bool:
    container = pool.container
    if container is None:
        return False
    name = container.image_uri.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]
    return bool(container.command) or name == _REDUCTION_SERVER
