"""Starts the engine: connects, and checks what it needs before anything is launched."""

from __future__ import annotations

import os
from pathlib import Path

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import Launch, RefusedError, UnavailableError, Worker

from .api import Cluster
from .connection import Connection, connect
from .documents import field, name_of, objects, text
from .engine import KubernetesEngine
from .manifest import job_manifest
from .rights import RIGHTS, advice
from .settings import OWNER_KINDS, Settings, parse_settings

_CHECK = "hydra-vertex-check"
_POD_NAMES = ("POD_NAME", "KFP_POD_NAME", "HOSTNAME")
"""The variables with the name of the service's Pod. Its host name is another one with `hostNetwork`."""

_DRY_RUN_REFUSED = "does not support dry run"


def started_engine(document: JsonObject, service_id: str) -> KubernetesEngine:
    """Return the engine after all checks. Raises UserError."""
    settings = parse_settings(document)
    connection = connect(settings)
    cluster = Cluster(connection)
    try:
        missing = tuple(right for right in RIGHTS if not cluster.is_allowed(right))
        if missing:
            raise UserError(f"engine kubernetes: {advice(missing, cluster.namespace)}")
        owner = _owner(cluster, settings, connection)
        _check_template(cluster, settings, service_id, owner)
    except (UnavailableError, RefusedError) as error:
        raise UserError(f"engine kubernetes: namespace {cluster.namespace}: {error}") from error
    return KubernetesEngine(cluster, settings, service_id, owner)


def _check_template(cluster: Cluster, settings: Settings, service_id: str, owner: JsonObject | None) -> None:
    """Let the cluster judge a Job that is not created: namespace, Pod template, quota of Jobs, admission."""
    worker = Worker(0, 0, "localhost/hydra-vertex-check", (), ())
    folder = TrialFolder(Path(os.devnull))
    launch = Launch(_CHECK, _CHECK, "", (worker,), folder, "", Path("/"), timeout_s=60.0, grace_s=5.0)
    try:
        cluster.create_job(job_manifest(launch, worker, settings, service_id, "", owner), is_dry_run=True)
    except RefusedError as error:
        if _DRY_RUN_REFUSED not in str(error):
            raise


def _owner(cluster: Cluster, settings: Settings, connection: Connection) -> JsonObject | None:
    """Return the ownerReference for all that the engine creates; None for no owner. Raises UserError."""
    wanted = settings.owner
    if wanted.name:
        found = cluster.pod(wanted.name) if wanted.kind == "Pod" else cluster.job(wanted.name)
        if found is None:
            raise UserError(
                f"engine kubernetes: owner: the namespace {cluster.namespace} has no {wanted.kind} {wanted.name!r}"
            )
        return _reference(OWNER_KINDS[wanted.kind], wanted.kind, found)
    if not wanted.is_automatic or connection.own_namespace != cluster.namespace:
        return None
    name = next((os.environ[name] for name in _POD_NAMES if os.environ.get(name)), "")
    own = cluster.pod(name) if name else None
    if own is None:
        raise UserError(
            f"engine kubernetes: owner: the Pod of this service was not found by the name {name!r} in "
            f"{', '.join(_POD_NAMES)}; set owner to {{kind: Pod, name: NAME}} or to none"
        )
    controller = next((o for o in objects(own, "metadata", "ownerReferences") if field(o, "controller") is True), None)
    if controller is None:
        return _reference("v1", "Pod", own)
    return {name: text(controller, name) for name in ("apiVersion", "kind", "name", "uid")}


def _reference(version: str, kind: str, document: JsonObject) -> JsonObject:
    uid = text(document, "metadata", "uid")
    return {"apiVersion": version, "kind": kind, "name": name_of(document), "uid": uid}
