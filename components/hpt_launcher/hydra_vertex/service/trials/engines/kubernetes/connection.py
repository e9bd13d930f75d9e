"""The client of a cluster, and the namespace: from a kubeconfig, or from the Pod that the service runs in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra_vertex.protocol.errors import UserError

from .settings import Settings

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of the package `kubernetes`, which has no types, and the namespace to work in.

    `own_namespace` is that of the Pod that the service runs in; empty outside of a cluster.
    """

    client: Any
    namespace: str
    own_namespace: str = ""


def connect(settings: Settings) -> Connection:
    """Read the kubeconfig or the Pod's own account. Sends nothing. Raises UserError."""
    try:
        from yaml import YAMLError

        from kubernetes import client, config
    except ImportError as error:
        raise UserError(
            "engine kubernetes: the package kubernetes is not installed; run: pip install 'hydra-vertex[kubernetes]'"
        ) from error
    options = client.Configuration()
    try:
        if not settings.kubeconfig and not settings.context and _is_in_cluster():
            config.load_incluster_config(client_configuration=options)
            own = (SERVICE_ACCOUNT / "namespace").read_text().strip()
            namespace = settings.namespace or own
        else:
            file = settings.kubeconfig or None
            config.load_kube_config(file, settings.context or None, client_configuration=options, persist_config=False)
            own, namespace = "", settings.namespace or _namespace_of(file, settings.context)
    except (config.ConfigException, OSError, ValueError) as error:
        raise UserError(f"engine kubernetes: {_source(settings)}: {error}") from error
    except (YAMLError, TypeError, AttributeError, KeyError) as error:  # the client takes any file for a kubeconfig
        raise UserError(f"engine kubernetes: {_source(settings)}: is no kubeconfig: {error}") from error
    options.retries = False  # the caller repeats what failed
    return Connection(client.ApiClient(options), namespace, own)


def _namespace_of(file: str | None, context: str) -> str:
    from kubernetes import config

    contexts, active = config.list_kube_config_contexts(file)
    chosen = next((item for item in contexts if item["name"] == context), active)
    return str((chosen or {}).get("context", {}).get("namespace") or "default")


def _is_in_cluster() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and (SERVICE_ACCOUNT / "token").exists()


def _source(settings: Settings) -> str:
    file = settings.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    return f"{file}, context {settings.context}" if settings.context else file
