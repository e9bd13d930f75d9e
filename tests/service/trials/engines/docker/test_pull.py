"""Images that are pulled from a real registry on loopback."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from hydra_vertex.service.trials.engines.contract import Exited, Queued, Refused
from service.harness import wait_until
from service.trials.engines.docker.containers import LIMIT_S, MakeLaunch, docker, make, observed

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def registry(docker_engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the HOST:PORT of a registry."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry on PATH (Debian's package docker-registry)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("registry")
    storage = {"filesystem": {"rootdirectory": str(folder / "data")}}
    (folder / "config.yml").write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": address}}))
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(f"http://{address}/v2/"), LIMIT_S)
        yield address
    finally:
        child.terminate()
        child.wait()


def answers(url: str) -> bool:
    try:
        urlopen(url, timeout=5).close()  # noqa: S310 - http on loopback
    except (URLError, OSError):
        return False
    return True


@pytest.fixture
def image(registry: str, tmp_path: Path) -> Iterator[str]:
    """Yield an image that only the registry has. Its one file is no program, so its containers end with 127."""
    name = f"{registry}/hydra-vertex/small:1"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
    (tmp_path / "image.tar").write_bytes(archive.getvalue())
    docker("import", str(tmp_path / "image.tar"), name)
    docker("push", name)
    docker("image", "rm", name)
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], capture_output=True, check=False)


@pytest.mark.parametrize("policy", ["missing", "always"])
def test_an_image_is_pulled_before_the_start(service_id: str, image: str, new_launch: MakeLaunch, policy: str) -> None:
    engine = make(service_id, pull=policy)
    launch = new_launch("")
    launch = replace(launch, workers=(replace(launch.workers[0], image=image, command=("no-such-program",)),))

    engine.launch(launch)
    # A new service does not know of the pull of the earlier one.
    engine = make(service_id, pull=policy)
    assert engine.observe(launch) == Queued(f"pulls {image}") or policy == "missing"
    state = observed(engine, launch, Exited, Refused)

    assert isinstance(state, Exited), state
    assert state.exit_status.code == 127


def test_an_image_that_the_registry_does_not_have_is_refused(
    service_id: str, registry: str, new_launch: MakeLaunch
) -> None:
    engine = make(service_id, pull="missing")
    launch = new_launch("")
    launch = replace(launch, workers=(replace(launch.workers[0], image=f"{registry}/hydra-vertex/none:1"),))

    engine.launch(launch)
    state = observed(engine, launch, Exited, Refused)

    assert isinstance(state, Refused)
    assert state.detail.startswith(f"image {registry}/hydra-vertex/none:1: ")
    assert "manifest unknown" in state.detail or "not found" in state.detail
