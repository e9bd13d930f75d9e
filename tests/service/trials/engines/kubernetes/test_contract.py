"""The contract of engines, by the real kubelet and its containers."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from hydra_vertex.service.contract.worker_engines import CHECKS, Bench
from service.trials.engines.kubernetes.kube_cluster import Namespace

CONTAINER = {
    "name": "trial",
    "imagePullPolicy": "Never",
    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "500Mi"}},
}


@pytest.fixture(scope="module")
def bench(namespace: Namespace, real_kubelet: None, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("kubernetes")
    mount = {"name": "shared", "mountPath": str(folder)}
    template = {
        "spec": {
            "hostNetwork": True,
            # The kernel ignores a SIGKILL that process 1 of a container sends to itself, as one of the checks does.
            "shareProcessNamespace": True,
            "nodeSelector": {"engine": "docker"},
            "securityContext": {"runAsNonRoot": False},
            "volumes": [{"name": "shared", "hostPath": {"path": str(folder)}}],
            "containers": [{**CONTAINER, "volumeMounts": [mount]}],
        }
    }
    return Bench(
        make=lambda: namespace.engine(podTemplate=template),
        folder=Path(folder),
        prefix=secrets.token_hex(4),
        image="python:3.11-slim",
        bad_image="localhost/there-is-none:1",
        brings_curves=False,  # only hydra-trial copies its records to the log
        limit_s=180.0,
    )


@pytest.mark.parametrize("name", CHECKS)
def test_the_engine_keeps_the_contract(bench: Bench, name: str) -> None:
    CHECKS[name](bench)
