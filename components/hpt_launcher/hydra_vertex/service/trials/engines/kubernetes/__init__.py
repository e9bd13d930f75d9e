"""The engine `kubernetes`: each worker of a trial is a Job of a namespace."""

from __future__ import annotations

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.contract import WorkerEngine

from .manifest import host_of

__all__ = ["host_of", "make_engine"]


def make_engine(settings: JsonObject, service_id: str) -> WorkerEngine:
    """Return the engine. Raises UserError for its settings, for missing rights, and when the cluster does not answer.

    `settings` are the keys of the engine's config file, `service_id` labels what the service creates.
    """
    from .start import started_engine

    return started_engine(settings, service_id)
