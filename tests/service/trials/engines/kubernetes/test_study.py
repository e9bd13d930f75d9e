"""A whole study on a cluster, whose service is killed in the middle and whose Pods are deleted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from service.harness import Client, job_document, kill_service, start
from service.trials.engines.kubernetes.kube_cluster import PROCESS_NODES, Namespace, until

APP = """
    import time
    import hydra
    from hydra_vertex.trial import report

    @hydra.main(version_base=None, config_path=".", config_name="config")
    def main(cfg):
        with open(cfg.runs, "a") as runs:
            runs.write("run\\n")
        for step in range(4):
            report("loss", cfg.x + 1 / (step + 1), step)
            time.sleep(0.5)
        return cfg.x

    main()
    """


def document(folder: Path, **more: Any) -> dict[str, Any]:
    (folder / "app.py").write_text(dedent(APP))
    (folder / "config.yaml").write_text(f"x: 1.0\nruns: {folder / 'runs'}\n")
    program = [str(Path(sys.executable).with_name("hydra-trial")), "--metric", "loss", "--"]
    found: dict[str, Any] = job_document(folder, "", **more)
    container = {"imageUri": "localhost/none", "command": [*program, sys.executable, str(folder / "app.py")]}
    found["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"] = container
    return found


@pytest.fixture
def serve(namespace: Namespace, process_nodes: list[str], tmp_path: Path) -> Callable[[], Any]:
    settings = {"namespace": namespace.name, "podTemplate": {"spec": {"affinity": PROCESS_NODES}}}
    options = ("--engine=kubernetes", f"--engine-settings={json.dumps(settings)}")
    return lambda: start(tmp_path / "studies", *options)


def attempts(folder: Path) -> list[int]:
    return [json.loads(file.read_bytes())["attempt"] for file in folder.glob("studies/jobs/*/trials/*/launch.json")]


def pods(namespace: Namespace) -> list[Any]:
    return list(namespace.api.list_namespaced_pod(namespace.name).items)


def test_a_study_whose_service_is_killed_loses_nothing_and_runs_nothing_twice(
    namespace: Namespace, serve: Callable[[], Any], tmp_path: Path
) -> None:
    with serve() as service, Client(service.url, tmp_path / "studies", service.pid) as client:
        name = client.create(document(tmp_path, trials=6, parallel=3))
        until(lambda: [trial for trial in client.get(name).get("trials", []) if trial["state"] == "ACTIVE"])
        kill_service(client)
    with serve() as service, Client(service.url, tmp_path / "studies", service.pid) as client:
        job = until(lambda: found if (found := client.get(name))["state"] == "JOB_STATE_SUCCEEDED" else None)
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED"] * 6
    assert {len(trial["measurements"]) for trial in job["trials"]} == {5}
    assert attempts(tmp_path) == [1] * 6
    assert (tmp_path / "runs").read_text() == "run\n" * 6
    until(lambda: not pods(namespace))


def test_a_trial_whose_pod_is_deleted_runs_again(
    namespace: Namespace, serve: Callable[[], Any], tmp_path: Path
) -> None:
    with serve() as service, Client(service.url, tmp_path / "studies", service.pid) as client:
        name = client.create(document(tmp_path))
        pod = until(lambda: next((pod for pod in pods(namespace) if pod.status.phase == "Running"), None))
        namespace.api.delete_namespaced_pod(pod.metadata.name, namespace.name)
        job = until(lambda: found if (found := client.get(name))["state"] == "JOB_STATE_SUCCEEDED" else None)
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED"]
    assert attempts(tmp_path) == [2]
    until(lambda: not pods(namespace))
