"""A namespace of a real cluster: that of $KUBECONFIG. Tests that need one are skipped without it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.trials.engines.kubernetes.kube_cluster import Namespace, until


@pytest.fixture(scope="session")
def api() -> Any:  # the package kubernetes has no types
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("needs a Kubernetes cluster: $KUBECONFIG is not set")
    from kubernetes import client, config

    config.load_kube_config()
    return client.CoreV1Api()


@pytest.fixture(scope="module")
def namespace(api: Any) -> Iterator[Namespace]:
    name = f"hv-test-{secrets.token_hex(4)}"
    api.create_namespace({"metadata": {"name": name}})
    until(lambda: [item for item in api.list_namespaced_service_account(name).items if item.secrets])
    yield Namespace(name, api)
    api.delete_namespace(name)


@pytest.fixture
def make_launch(tmp_path: Path) -> Callable[..., Any]:
    from service.trials.engines.kubernetes.kube_cluster import launch_of

    return lambda *words, **more: launch_of(tmp_path, *words, **more)


@pytest.fixture(scope="session")
def real_kubelet(api: Any) -> None:
    nodes = api.list_node(label_selector="engine=docker").items
    if not nodes:
        pytest.skip("needs a node whose kubelet runs containers, with the label engine=docker")


@pytest.fixture(scope="session")
def process_nodes(api: Any) -> list[str]:
    """Return the names of nodes that run a Pod's commands as processes of this machine."""
    nodes = [n for n in api.list_node().items if n.status.node_info.container_runtime_version.startswith("process:")]
    names = [
        n.metadata.name for n in nodes if any(c.type == "Ready" and c.status == "True" for c in n.status.conditions)
    ]
    if not names:
        pytest.skip("needs nodes that run the commands of Pods as processes of this machine")
    return names
