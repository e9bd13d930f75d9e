"""What Pods use, from the resource metrics of a server that has them, refuses them, or has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.machines.reading import NotMeasuredError, WorkerReading
from hydra_vertex.service.trials.engines.contract import Launch, UnavailableError
from hydra_vertex.service.trials.engines.kubernetes.engine import KubernetesEngine
from hydra_vertex.service.trials.engines.kubernetes.settings import Settings
from hydra_vertex.service.trials.engines.kubernetes.usage import NO_GPUS, reading_of
from service.trials.engines.kubernetes.fake_api import FakeApi, fake_api
from service.trials.engines.kubernetes.kube_cluster import SERVICE_ID, launch_of


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as api:
        yield api


@pytest.fixture
def engine(api: FakeApi, tmp_path: Path) -> KubernetesEngine:
    return KubernetesEngine(api.cluster(tmp_path), Settings(), SERVICE_ID)


def launched(api: FakeApi, engine: KubernetesEngine, folder: Path) -> Launch:
    """Launch two workers, and let each Job have a Pod of its template, as the cluster does."""
    launch = launch_of(folder, "true", workers=2)
    engine.launch(launch)
    for job in [item for item in api.objects if item["kind"] == "Job"]:
        template, name = job["spec"]["template"], f"{job['metadata']['name']}-abcde"
        metadata = {**template["metadata"], "name": name}
        api.objects.append({"kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    return launch


def metrics(name: str, cpu: str, memory: str, container: str = "trial") -> dict[str, Any]:
    usage = {"cpu": cpu, "memory": memory}
    return {"metadata": {"name": name}, "window": "15s", "containers": [{"name": container, "usage": usage}]}


def test_each_worker_has_the_use_of_its_container(api: FakeApi, engine: KubernetesEngine, tmp_path: Path) -> None:
    launch = launched(api, engine, tmp_path)
    sidecar = metrics(f"{launch.id}-0-0-abcde", "9", "9Gi", "istio-proxy")["containers"]
    chief = metrics(f"{launch.id}-0-0-abcde", "1500m", "512Mi")
    items = [{**chief, "containers": [*sidecar, *chief["containers"]]}, metrics("another", "7", "7Gi")]
    api.metrics = (200, [*items, metrics(f"{launch.id}-1-0-abcde", "250000000n", "1000Ki")])
    assert engine.measure(launch) == (
        WorkerReading("workerpool0-0", cpu=1.5, memory_bytes=512 << 20),
        WorkerReading("workerpool1-0", cpu=0.25, memory_bytes=1000 << 10),
    )


def test_a_pod_that_the_metrics_do_not_have_yet_has_no_reading(
    api: FakeApi, engine: KubernetesEngine, tmp_path: Path
) -> None:
    launch = launched(api, engine, tmp_path)
    api.metrics = (200, [])
    assert engine.measure(launch) == ()


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_cluster_without_metrics_is_said_in_one_sentence(
    api: FakeApi, engine: KubernetesEngine, tmp_path: Path, status: int
) -> None:
    launch = launched(api, engine, tmp_path)
    api.metrics = (status, [])
    with pytest.raises(NotMeasuredError, match=r"no metrics-server, or .* may not list pods\.metrics\.k8s\.io"):
        engine.measure(launch)


def test_another_failure_is_one_of_the_moment(api: FakeApi, engine: KubernetesEngine, tmp_path: Path) -> None:
    launch = launched(api, engine, tmp_path)
    api.metrics = (500, [])
    with pytest.raises(UnavailableError):
        engine.measure(launch)


def test_limits_and_the_number_of_gpus_are_those_of_the_pod() -> None:
    limits: JsonObject = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}
    pod: JsonObject = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "trial", "resources": {"limits": limits}}]},
    }
    reading = reading_of("workerpool0-0", pod, [metrics("p", "1", "1Gi")])
    assert reading is not None
    assert (reading.cpus, reading.memory_limit_bytes) == (4.0, 8 << 30)
    assert (reading.gpu.gpus, reading.gpu.missing) == (2, NO_GPUS)


@pytest.mark.parametrize(
    "usage", [{}, {"containers": []}, {"containers": [{"name": "trial"}]}, {"containers": [{"name": "x", "usage": {}}]}]
)
def test_metrics_of_another_form_are_no_reading(usage: dict[str, Any]) -> None:
    assert reading_of("workerpool0-0", {"metadata": {"name": "p"}}, [{"metadata": {"name": "p"}, **usage}]) is None
