"""The variables by which the workers of one trial find each other, as Vertex AI sets them. Pure.

Sources: https://cloud.google.com/vertex-ai/docs/training/distributed-training#cluster-variables for CLUSTER_SPEC and
TF_CONFIG; https://pytorch.org/docs/stable/elastic/run.html for what `env://` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

from .contract import Launch, Worker

PORT = 2222
"""The port in the address of each worker, where every worker has a host of its own."""
MASTER_PORT = 3333

NAMES = ("CLUSTER_SPEC", "TF_CONFIG", "MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE")
"""The names of the variables."""

TENSORFLOW_TYPES = ("chief", "worker", "ps", "evaluator")
"""TensorFlow's names of the worker pools, in the order of the pools."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the other workers reach a worker."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def cluster_environ(
    launch: Launch, worker: Worker, addresses: Mapping[tuple[int, int], Address], master_port: int = MASTER_PORT
) -> dict[str, str]:
    """Return the variables of one worker; none when it is the only one of its launch.

    `addresses` has the address of every worker by its pool and replica. `master_port` is a port of the chief's host.
    RANK and WORLD_SIZE count workers, not processes: `torchrun` takes them as --node-rank and --nnodes.
    """
    if len(launch.workers) == 1:
        return {}
    place = launch.workers.index(worker)
    chief = launch.workers[0]
    return {
        "CLUSTER_SPEC": json.dumps(_cluster_spec(launch, worker, addresses)),
        "TF_CONFIG": json.dumps(_tf_config(launch, worker, addresses)),
        "MASTER_ADDR": addresses[chief.place].host,
        "MASTER_PORT": str(master_port),
        "RANK": str(place),
        "WORLD_SIZE": str(len(launch.workers)),
    }


def _cluster_spec(launch: Launch, worker: Worker, addresses: Mapping[tuple[int, int], Address]) -> dict[str, Json]:
    task: dict[str, Json] = {"type": f"workerpool{worker.pool}", "index": worker.replica}
    if launch.trial_id:
        task["trial"] = launch.trial_id
    cluster: dict[str, Json] = {f"workerpool{pool}": hosts for pool, hosts in _pools(launch, addresses).items()}
    return {"cluster": cluster, "environment": "cloud", "task": task}


def _tf_config(launch: Launch, worker: Worker, addresses: Mapping[tuple[int, int], Address]) -> dict[str, Json]:
    cluster: dict[str, Json] = {TENSORFLOW_TYPES[pool]: hosts for pool, hosts in _pools(launch, addresses).items()}
    task: dict[str, Json] = {"type": TENSORFLOW_TYPES[worker.pool], "index": worker.replica}
    return {"cluster": cluster, "environment": "cloud", "task": task}


def _pools(launch: Launch, addresses: Mapping[tuple[int, int], Address]) -> dict[int, list[Json]]:
    pools: dict[int, list[Json]] = {}
    for worker in launch.workers:
        pools.setdefault(worker.pool, []).append(str(addresses[worker.place]))
    return pools
