"""The example of a study on Kubernetes: the compiled pipeline's steps as Jobs, with and without a service."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hydra_vertex.job import JobState
from hydra_vertex.launcher.files.job_file import read_job
from launcher.steps.kube_account import BIN, EXAMPLE, NOT_CONTAINERS, Account, account_of_tests, documents
from service.trials.engines.kubernetes.kube_cluster import until

TOKEN = secrets.token_hex(16)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with account_of_tests(tmp_path_factory.mktemp("account")) as found:
        found.api.create_namespaced_secret(
            found.namespace, {"metadata": {"name": "tuning"}, "stringData": {"token": TOKEN}}
        )
        yield found


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return a copy of the example whose trials are processes of this machine."""
    folder = tmp_path / "app"
    shutil.copytree(EXAMPLE, folder)
    engine = yaml.safe_load((folder / "engine.yaml").read_text())
    engine["machines"]["small"] = {"requests": {"cpu": "10m"}}
    path = {"name": "PATH", "value": f"{BIN}:/usr/bin:/bin"}
    trial = {"name": "trial", "workingDir": str(folder), "env": [path]}
    engine["podTemplate"] = {"spec": {"affinity": NOT_CONTAINERS, "containers": [trial]}}
    (folder / "engine.yaml").write_text(yaml.safe_dump(engine))
    return folder


def hydra_vertex(app: Path, *words: str) -> None:
    environ = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "hydra_vertex.cli.main", *words]
    done = subprocess.run(command, cwd=app, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


class Pipeline:
    """A compiled pipeline. A step runs as KFP starts it: its container's command, with an executor input."""

    def __init__(self, account: Account, app: Path, folder: Path, token_secret: str = "") -> None:
        self._account, self._app, self._folder, self._token_secret = account, app, folder, token_secret
        self._spec = next(yaml.safe_load_all((app / "pipeline.yaml").read_text()))
        self._arguments = json.loads((app / "arguments.json").read_text())

    def run(self, step: str) -> str:
        """Run a step, and return its log."""
        name = f"{step}-{secrets.token_hex(4)}"
        container = self._spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
        text = json.dumps(self._executor_input(step))
        command = [*container["command"], *(text if word == "{{$}}" else word for word in container["args"])]
        self._account.start_job(name, command, {"TMPDIR": str(self._folder)}, self._token_secret, str(self._app))
        pod = self._account.ended_pod(name)
        log = self._account.log(pod)
        assert pod.status.phase == "Succeeded", log
        return log

    def _executor_input(self, step: str) -> dict[str, Any]:
        task = self._spec["root"]["dag"]["tasks"][step]
        component = self._spec["components"][task["componentRef"]["name"]]
        outputs, inputs = component["outputDefinitions"], component["inputDefinitions"]
        given = {name: self._value(source) for name, source in task["inputs"]["parameters"].items()}
        defaults = {name: item.get("defaultValue") for name, item in inputs["parameters"].items()}
        artifacts = {
            name: self._artifact(source["taskOutputArtifact"]["outputArtifactKey"])
            for name, source in task["inputs"].get("artifacts", {}).items()
        }
        files = {name: {"outputFile": str(self._folder / name)} for name in outputs["parameters"]}
        return {
            "inputs": {"parameterValues": {**defaults, **given}, "artifacts": artifacts},
            "outputs": {
                "artifacts": {name: self._artifact(name) for name in outputs["artifacts"]},
                "parameters": files,
                "outputFile": str(self._folder / f"{step}.json"),
            },
        }

    def _value(self, source: dict[str, Any]) -> Any:
        if "runtimeValue" in source:
            return source["runtimeValue"]["constant"]
        name = source["componentInputParameter"]
        default = self._spec["root"]["inputDefinitions"]["parameters"][name].get("defaultValue")
        value = self._arguments.get(name, default)
        return float(value) if isinstance(value, int) else value

    def _artifact(self, name: str) -> dict[str, Any]:
        artifact = {"name": name, "uri": str(self._folder / name), "type": {"schemaTitle": "system.Artifact"}}
        return {"artifacts": [artifact]}


ARGUMENTS = (
    *("arguments", "--search", "search.yaml", "--image", "registry.example/train:1", "--trial-machine-type", "small"),
    *("-o", "arguments.json"),
)
APP = ("--", "python", "train.py")


def check_outputs(folder: Path, log: str) -> None:
    job = read_job(folder / "job")
    assert job.state is JobState.SUCCEEDED, log
    values = [trial.objective("distance") for trial in job.trials]
    assert len(values) == 4
    assert values[0] == pytest.approx(3**2 * 0.98**40)  # the app's own config is the first trial
    lr = yaml.safe_load((folder / "best_config").read_text())["lr"]
    best = min(value for value in values if value is not None)
    assert best == pytest.approx(3**2 * (1 - 2 * lr) ** 40)
    assert float((folder / "best_value").read_text()) == pytest.approx(best)


def test_the_step_serves_itself(account: Account, app: Path, tmp_path: Path) -> None:
    hydra_vertex(
        app, "compile", "--image", "registry.example/train:1", "--engine", "kubernetes", "--engine-config",
        "engine.yaml", "-o", "pipeline.yaml",
    )  # fmt: skip
    hydra_vertex(app, *ARGUMENTS, *APP)
    pipeline = Pipeline(account, app, tmp_path)

    log = pipeline.run("tune")
    assert "trials are Jobs with the label hydra-vertex-step=" in log
    pipeline.run("select-best")

    check_outputs(tmp_path, log)
    until(lambda: not account.jobs("hydra-vertex-step"))


@pytest.fixture
def endpoint(account: Account, app: Path, tmp_path: Path) -> Iterator[str]:
    """Apply the manifests of the service, and return its address."""
    pytest.importorskip("kfp.kubernetes")
    from kubernetes import client

    host = own_address()
    with socket.socket() as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    claim, deployment, service = documents(EXAMPLE / "serve.yaml", account.namespace)
    volume = {
        "metadata": {"name": account.namespace},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(tmp_path)},
            "claimRef": {"namespace": account.namespace, "name": claim["metadata"]["name"]},
        },
    }
    account.api.create_persistent_volume(volume)
    account.api.create_namespaced_persistent_volume_claim(account.namespace, claim)
    account.api.create_namespaced_service(account.namespace, service)
    pod = deployment["spec"]["template"]["spec"]
    pod["affinity"] = NOT_CONTAINERS
    (container,) = pod["containers"]
    container["resources"] = {}
    places = {
        "hydra-vertex": str(BIN / "hydra-vertex"),
        "8080": str(port),
        "/etc/tuning/engine.yaml": str(app / "engine.yaml"),
    }
    places[f"/mnt/{account.namespace}"] = str(tmp_path / "served")
    for key in ("command", "args"):
        container[key] = [places.get(word, word) for word in container[key]]
    container["env"].append({"name": "KUBECONFIG", "value": str(account.kubeconfig)})
    apps = client.AppsV1Api(account.api.api_client)
    apps.create_namespaced_deployment(account.namespace, deployment)
    until(lambda: is_open(host, port))
    yield f"http://{host}:{port}"
    apps.delete_namespaced_deployment("tuning", account.namespace, propagation_policy="Foreground")
    account.api.delete_persistent_volume(account.namespace)


def own_address() -> str:
    """Return an address of this machine other than loopback; skip without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address other than loopback")
        return str(probe.getsockname()[0])


def is_open(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_the_step_uses_a_service_of_the_cluster_with_its_token(
    account: Account, app: Path, tmp_path: Path, endpoint: str
) -> None:
    hydra_vertex(
        app, "compile", "--image", "registry.example/train:1", "--service-access", "tuning", "-o", "pipeline.yaml"
    )
    hydra_vertex(app, *ARGUMENTS, "--endpoint", endpoint, *APP)
    pipeline = Pipeline(account, app, tmp_path, token_secret="tuning")  # noqa: S106 - the Secret's name

    log = pipeline.run("tune")
    assert f"{endpoint}: the jobs and the service's token are sent unencrypted" in log
    assert TOKEN not in log
    pipeline.run("select-best")

    check_outputs(tmp_path, log)
