"""A real Docker engine, and launches for it. Without an engine the tests are skipped, with the reason."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.trials.engines.contract import Launch, Worker
from hydra_vertex.service.trials.engines.docker.engine import DockerEngine
from service.trials.engines.docker.containers import IMAGE, MADE, MakeLaunch, docker, make


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """Skip the test where no engine with the image answers."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("no Docker engine answers `docker info`")
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True).returncode != 0:
        pytest.skip(f"the Docker engine does not have the image {IMAGE}")


@pytest.fixture
def service_id() -> Iterator[str]:
    """The id of a service, whose containers are removed at the end."""
    name = uuid.uuid4().hex[:8]
    yield name
    left = docker("ps", "--all", "--quiet", "--filter", f"label=hydra-vertex/service={name}").split()
    if left:
        subprocess.run(["docker", "rm", "--force", "--volumes", *left], capture_output=True, check=False)
    while MADE:
        MADE.pop()._client.close()


@pytest.fixture
def engine(docker_engine: None, service_id: str) -> DockerEngine:
    return make(service_id)


@pytest.fixture
def folder(tmp_path: Path) -> ServiceFolder:
    """A service's folder that, like a real one, only its user may enter."""
    root = tmp_path / "service"
    root.mkdir(mode=0o700)
    return ServiceFolder(root)


@pytest.fixture
def new_launch(folder: ServiceFolder) -> MakeLaunch:
    """Return launches of shell or Python code; `workers` are the codes of the others."""

    def launch(code: str, *others: str, uri: str = "gs://bucket/study", **changes: object) -> Launch:
        workers = tuple(
            Worker(0 if place == 0 else 1, max(0, place - 1), IMAGE, ("python3", "-u", "-c", text), ())
            for place, text in enumerate((code, *others))
        )
        made = Launch(
            id=f"t-{uuid.uuid4().hex[:12]}",
            job_id="12345",
            trial_id="7",
            workers=workers,
            folder=folder.trial("12345", "7"),
            output_uri=uri,
            output_dir=folder.output_base("12345", uri),
            timeout_s=600,
            grace_s=5,
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    return launch


@pytest.fixture
def own_network(docker_engine: None) -> Iterator[str]:
    """A network of the user. Skip the test where the engine cannot make one."""
    name = f"hydra-vertex-{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["docker", "network", "create", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"the Docker engine makes no network: {made.stderr.strip()}")
    yield name
    subprocess.run(["docker", "network", "rm", name], capture_output=True, check=False)
