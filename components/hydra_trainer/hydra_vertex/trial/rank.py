"""Which process of a distributed run this is. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

_GLOBAL_RANK = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_PARTS_OF_RANK = ("NODE_RANK", "GROUP_RANK", "LOCAL_RANK")
_CLUSTER_SPEC = "CLUSTER_SPEC"
_CHIEF = "workerpool0"


def is_first(environ: Mapping[str, str]) -> bool:
    """Whether this is the one process that reports: rank 0, and on Vertex AI in the first worker pool.

    Source of CLUSTER_SPEC: https://cloud.google.com/vertex-ai/docs/training/distributed-training#cluster-variables
    """
    for name in _GLOBAL_RANK:
        if environ.get(name):
            return environ[name] == "0"
    return _is_chief(environ) and all(environ.get(name) in (None, "", "0") for name in _PARTS_OF_RANK)


def _is_chief(environ: Mapping[str, str]) -> bool:
    try:
        task = json.loads(environ.get(_CLUSTER_SPEC) or "{}").get("task") or {}
        return bool(task.get("type", _CHIEF) == _CHIEF)
    except (ValueError, AttributeError):
        return True
