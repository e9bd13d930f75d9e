"""A namespace with the account of a tuning step, and the step's container command as a Job there."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from conftest import ROOT
from hydra_vertex.protocol.service_token import TOKEN_VARIABLE
from service.trials.engines.kubernetes.kube_cluster import until

EXAMPLE = ROOT / "examples/kubernetes"
BIN = Path(sys.executable).parent
_NODES = [
    {"key": "engine", "operator": "DoesNotExist"},
    # A node that another test loses.
    {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [os.environ.get("KUBE_NODE_TO_LOSE", "")]},
]
NOT_CONTAINERS = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": _NODES}]}
    }
}
"""The nodes that run the commands of Pods as processes of this machine."""

ENDED = ("Succeeded", "Failed")


def documents(file: Path, namespace: str) -> list[dict[str, Any]]:
    """Return the manifests of a file, for another namespace than theirs."""
    return list(yaml.safe_load_all(file.read_text().replace("studies", namespace)))


@dataclass(frozen=True)
class Account:
    """The account of the example's manifests in a namespace, with a kubeconfig that has its token."""

    namespace: str
    api: Any  # the package kubernetes has no types
    kubeconfig: Path

    def set_rules(self, rules: list[dict[str, Any]]) -> None:
        """Replace the rules of the account's Role."""
        from kubernetes import client

        rbac = client.RbacAuthorizationV1Api(self.api.api_client)
        rbac.patch_namespaced_role("tuner", self.namespace, {"rules": rules})

    def start_job(
        self,
        name: str,
        command: list[str],
        environ: dict[str, str] | None = None,
        token_secret: str = "",
        folder: str = "/",
        **spec: Any,
    ) -> None:
        """Start a command as a Job under this account, in a folder, with the token of a Secret as KFP sets it."""
        from kubernetes import client

        variables = {"KUBECONFIG": str(self.kubeconfig), "PATH": f"{BIN}:/usr/bin:/bin", **(environ or {})}
        env: list[dict[str, Any]] = [{"name": key, "value": value} for key, value in variables.items()]
        if token_secret:
            source = {"secretKeyRef": {"name": token_secret, "key": "token"}}
            env.append({"name": TOKEN_VARIABLE, "valueFrom": source})
        container = {"name": "main", "image": "localhost/none", "command": command, "env": env, "workingDir": folder}
        pod = {
            "serviceAccountName": "tuner",
            "restartPolicy": "Never",
            "affinity": NOT_CONTAINERS,
            "containers": [container],
        }
        job = {"metadata": {"name": name}, "spec": {"backoffLimit": 0, **spec, "template": {"spec": pod}}}
        client.BatchV1Api(self.api.api_client).create_namespaced_job(self.namespace, job)

    def start_container(self, name: str, command: list[str], folder: Path) -> None:
        """Start a command as a Job in a container, as KFP does: with the account's token and the Pod's name.

        The container has this machine's files of Python, of the repository and of `folder`, and its network.
        """
        from kubernetes import client

        if Path(sys.base_prefix).is_relative_to("/usr") or not self.api.list_node(label_selector="engine=docker").items:
            pytest.skip("needs a Python outside of /usr, and a node that runs containers, with the label engine=docker")
        server = urlsplit(self.api.api_client.configuration.host)
        name_of_pod = {"fieldRef": {"fieldPath": "metadata.name"}}
        env = [
            {"name": "KUBERNETES_SERVICE_HOST", "value": server.hostname},
            {"name": "KUBERNETES_SERVICE_PORT", "value": str(server.port)},
            {"name": "KFP_POD_NAME", "valueFrom": name_of_pod},
            {"name": "TMPDIR", "value": str(folder)},
        ]
        paths = sorted({sys.base_prefix, sys.prefix, str(ROOT), str(folder)})
        mounts = [{"name": f"v{number}", "mountPath": path} for number, path in enumerate(paths)]
        volumes = [{"name": f"v{number}", "hostPath": {"path": path}} for number, path in enumerate(paths)]
        container = {
            "name": "main",
            "image": "python:3.11-slim",
            "imagePullPolicy": "Never",
            "command": command,
            "env": env,
            "volumeMounts": mounts,
            "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "2Gi"}},
        }
        pod = {
            "serviceAccountName": "tuner",
            "restartPolicy": "Never",
            "hostNetwork": True,
            "nodeSelector": {"engine": "docker"},
            "volumes": volumes,
            "containers": [container],
        }
        job = {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
        client.BatchV1Api(self.api.api_client).create_namespaced_job(self.namespace, job)

    def delete_job(self, name: str, propagation: str) -> None:
        """Delete a Job; with "Orphan", without its Pods."""
        from kubernetes import client

        batch = client.BatchV1Api(self.api.api_client)
        batch.delete_namespaced_job(name, self.namespace, propagation_policy=propagation)

    def pods_of(self, job: str) -> list[Any]:
        """Return the Pods of a Job."""
        return list(self.api.list_namespaced_pod(self.namespace, label_selector=f"job-name={job}").items)

    def ended_pod(self, job: str) -> Any:
        """Return the Pod of a Job, when it has ended."""
        try:
            return until(lambda: next((pod for pod in self.pods_of(job) if pod.status.phase in ENDED), None))
        except AssertionError as error:
            logs = [f"{pod.metadata.name} is {pod.status.phase}: {self.log(pod)}" for pod in self.pods_of(job)]
            raise AssertionError("\n".join([f"{job} does not end", *logs])) from error

    def log(self, pod: Any) -> str:
        """Return the log of a Pod; empty before its container has written one."""
        from kubernetes.client import ApiException

        try:
            return str(self.api.read_namespaced_pod_log(pod.metadata.name, self.namespace))
        except ApiException as error:
            if error.status in (400, 404):
                return ""
            raise

    def jobs(self, selector: str) -> list[Any]:
        """Return the Jobs with a label."""
        from kubernetes import client

        batch = client.BatchV1Api(self.api.api_client)
        return list(batch.list_namespaced_job(self.namespace, label_selector=selector).items)


@contextmanager
def account_of_tests(folder: Path) -> Iterator[Account]:
    """Yield an account in a namespace of its own; skip without a cluster."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("needs a Kubernetes cluster: $KUBECONFIG is not set")
    from kubernetes import client, config

    config.load_kube_config()
    api = client.CoreV1Api()
    if not any(n.status.node_info.container_runtime_version.startswith("process:") for n in api.list_node().items):
        pytest.skip("needs nodes that run the commands of Pods as processes of this machine")
    name = f"hv-step-{secrets.token_hex(4)}"
    api.create_namespace({"metadata": {"name": name}})
    yield account_in(name, api, folder)
    api.delete_namespace(name)


def account_in(namespace: str, api: Any, folder: Path) -> Account:
    """Apply the account of the example's manifests, and return it."""
    from kubernetes import client

    rbac = client.RbacAuthorizationV1Api(api.api_client)
    create = {
        "ServiceAccount": api.create_namespaced_service_account,
        "Role": rbac.create_namespaced_role,
        "RoleBinding": rbac.create_namespaced_role_binding,
    }
    for document in documents(EXAMPLE / "namespace.yaml", namespace):
        if document["kind"] in create:
            create[document["kind"]](namespace, document)
    token = api.create_namespaced_service_account_token("tuner", namespace, {"spec": {"audiences": None}})
    options = api.api_client.configuration
    cluster = {"server": options.host, "certificate-authority": options.ssl_ca_cert}
    context = {"cluster": "c", "user": "u", "namespace": namespace}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token.status.token}}],
        "contexts": [{"name": "c", "context": context}],
        "current-context": "c",
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(kubeconfig))
    return Account(namespace, api, file)
