"""Deletes the Jobs with a label, which a service that is lost has left."""

from __future__ import annotations

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.contract import RefusedError, UnavailableError

from .api import Cluster
from .connection import connect
from .documents import name_of, text
from .pod_state import is_being_deleted
from .rights import RIGHTS, advice
from .settings import parse_settings


def remove_labelled_jobs(document: JsonObject, selector: str) -> tuple[str, ...]:
    """Delete the Jobs of the namespace with a label, and return their names. `document` are the engine's settings.

    Raises UserError for a wrong setting, for a missing right of the engine, and when the cluster does not answer.
    """
    cluster = Cluster(connect(parse_settings(document)))
    try:
        if missing := tuple(right for right in RIGHTS if not cluster.is_allowed(right)):
            raise UserError(f"engine kubernetes: {advice(missing, cluster.namespace)}")
        jobs = [job for job in cluster.jobs(selector) if not is_being_deleted(job)]
        for job in jobs:
            cluster.delete_job(name_of(job), text(job, "metadata", "uid"), is_foreground=True)
    except (UnavailableError, RefusedError) as error:
        raise UserError(f"engine kubernetes: namespace {cluster.namespace}: {error}") from error
    return tuple(name_of(job) for job in jobs)
