"""Determines whether this process is the first rank of a distributed run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

_GLOBAL_RANK = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_PARTS_OF_RANK = ("NODE_RANK", "GROUP_RANK", "LOCAL_RANK")
_CLUSTER_SPEC = "CLUSTER_SPEC"
_CHIEF = "workerpool0"


def is_first_process() -> bool:
    """Whether this process reports, according to its environment and to torch's process group, if one is initialized.

    A process started by torch.multiprocessing has its parent's environment; only the process group has its rank.
    """
    return is_first(os.environ) and _rank_in_group() == 0


def _rank_in_group() -> int:
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 0
    return int(distributed.get_rank())


def is_first(environ: Mapping[str, str]) -> bool:
    """Whether the environment is that of the reporting process: rank 0, or the first replica of the first pool.

    Source of CLUSTER_SPEC: https://cloud.google.com/vertex-ai/docs/training/distributed-training#cluster-variables
    """
    for name in _GLOBAL_RANK:
        if environ.get(name):
            return environ[name] == "0"
    return _is_chief(environ) and all(environ.get(name) in (None, "", "0") for name in _PARTS_OF_RANK)


def _is_chief(environ: Mapping[str, str]) -> bool:
    try:
        task = json.loads(environ.get(_CLUSTER_SPEC) or "{}").get("task") or {}
        return bool(task.get("type", _CHIEF) == _CHIEF and task.get("index", 0) in (0, "0"))
    except (ValueError, AttributeError):
        return True
