"""A service in a Pod of the cluster: its own account, namespace and owner, in containers of a real kubelet."""

from __future__ import annotations

import sys
import sysconfig
from typing import Any

import pytest
import yaml

from conftest import ROOT
from service.trials.engines.kubernetes.kube_cluster import Namespace, until

PATHS = (sysconfig.get_path("purelib"), *(str(ROOT / "components" / name) for name in ("shared", "hpt_launcher")))
SCRIPT = """
from pathlib import Path
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import Launch, Worker
from hydra_vertex.service.trials.engines.kubernetes import make_engine

engine = make_engine({}, "0a1b2c3d")
worker = Worker(0, 0, "localhost/none", ("sleep", "600"), ())
engine.launch(Launch("hv-in-cluster", "1", "1", (worker,), TrialFolder(Path("/tmp/t")), "", Path("/tmp/o"), 60.0, 2.0))
print("launched", sorted(engine.known_ids()))
"""
ROLE: dict[str, Any] = yaml.safe_load((ROOT / "docs/kubernetes-role.yaml").read_text())


@pytest.fixture
def account(namespace: Namespace) -> str:
    from kubernetes import client

    rbac, name = client.RbacAuthorizationV1Api(namespace.api.api_client), ROLE["metadata"]["name"]
    rbac.create_namespaced_role(namespace.name, ROLE)
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace.name}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
    rbac.create_namespaced_role_binding(namespace.name, binding)
    return "default"


@pytest.mark.usefixtures("real_kubelet")
def test_a_service_in_a_pod_uses_its_account_and_owns_its_trials(namespace: Namespace, account: str) -> None:
    from kubernetes import client

    host, _, port = namespace.api.api_client.configuration.host.removeprefix("https://").partition(":")
    variables = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "PYTHONPATH": ":".join(PATHS)}
    env: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in variables.items()]
    env.append({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
    folders = {"code": str(ROOT), "libraries": PATHS[0]}
    container = {
        "name": "service",
        "image": "python:3.11-slim",
        "imagePullPolicy": "Never",
        "command": [f"python3.{sys.version_info.minor}", "-c", SCRIPT],
        "env": env,
        "volumeMounts": [{"name": name, "mountPath": path, "readOnly": True} for name, path in folders.items()],
    }
    spec = {
        "restartPolicy": "Never",
        "hostNetwork": True,
        "nodeSelector": {"engine": "docker"},
        "serviceAccountName": account,
        "containers": [container],
        "volumes": [{"name": name, "hostPath": {"path": path}} for name, path in folders.items()],
    }
    pod = namespace.api.create_namespaced_pod(namespace.name, {"metadata": {"name": "service"}, "spec": spec})

    def ended() -> Any:
        found = namespace.api.read_namespaced_pod("service", namespace.name)
        return found if found.status.phase in {"Succeeded", "Failed"} else None

    until(ended)
    log = namespace.api.read_namespaced_pod_log("service", namespace.name)
    assert log == "launched ['hv-in-cluster']\n"
    jobs = client.BatchV1Api(namespace.api.api_client)
    (owner,) = jobs.read_namespaced_job("hv-in-cluster-0-0", namespace.name).metadata.owner_references
    assert (owner.kind, owner.name, owner.uid) == ("Pod", "service", pod.metadata.uid)
    namespace.api.delete_namespaced_pod("service", namespace.name)
    until(lambda: not jobs.list_namespaced_job(namespace.name).items)
