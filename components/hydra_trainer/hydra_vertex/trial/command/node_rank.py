"""The number of this worker among those of its trial, for launchers that CLUSTER_SPEC does not tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping

VARIABLE = "NODE_RANK"
_KNOWN = (VARIABLE, "GROUP_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")


def node_rank_variable(environ: Mapping[str, str]) -> dict[str, str]:
    """Return NODE_RANK for the environment of an app; nothing for one worker, or where a launcher has numbered them.

    Lightning takes the address and the port of the first node from MASTER_ADDR and MASTER_PORT, which Vertex AI sets,
    but the number of a node from NODE_RANK alone: without it every worker takes itself for the first one.
    Source of CLUSTER_SPEC: https://cloud.google.com/vertex-ai/docs/training/distributed-training#cluster-variables
    """
    if any(environ.get(name) for name in _KNOWN):
        return {}
    place = _place(environ.get("CLUSTER_SPEC") or "{}")
    return {} if place is None else {VARIABLE: str(place)}


def _place(text: str) -> int | None:
    """Return the place of this worker, counted through the pools; None when it is the only one or the text is none."""
    try:
        spec = json.loads(text)
        sizes = {pool: len(hosts) for pool, hosts in spec["cluster"].items()}
        pool, index = str(spec["task"]["type"]), int(spec["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if sum(sizes.values()) < 2 or not 0 <= index < sizes.get(pool, 0):
        return None
    pools = sorted(sizes)
    return sum(sizes[earlier] for earlier in pools[: pools.index(pool)]) + index
