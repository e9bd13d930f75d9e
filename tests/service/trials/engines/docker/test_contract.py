"""The Docker engine keeps the contract of engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.service.contract.worker_engines import CHECKS, Bench
from service.trials.engines.docker.containers import IMAGE, make

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("name", CHECKS)
def test_the_contract_is_kept(docker_engine: None, service_id: str, tmp_path: Path, name: str) -> None:
    bench = Bench(
        lambda: make(service_id, network="host"),
        tmp_path,
        service_id,
        image=IMAGE,
        bad_image="localhost/no-such-image:contract",
    )

    CHECKS[name](bench)
