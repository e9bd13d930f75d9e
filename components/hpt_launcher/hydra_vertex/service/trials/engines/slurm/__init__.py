"""The engine `slurm`: each trial is a batch job, and a folder that the nodes share is the way back."""

from __future__ import annotations

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.contract import WorkerEngine


def make_engine(settings: JsonObject, service_id: str) -> WorkerEngine:
    """Return the engine for the settings of its config file, after the cluster has answered.

    `service_id` is part of the names of the jobs. Raises UserError for wrong settings, for a cluster that does not
    answer, and for one that refuses such jobs.
    """
    from .engine import SlurmEngine
    from .preflight import check_slurm
    from .settings import parse_settings

    parsed = parse_settings(settings)
    check_slurm(parsed)
    return SlurmEngine(parsed, service_id)
