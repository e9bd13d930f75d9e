"""The Slurm engine passes the checks of every engine."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.contract.worker_engines import CHECKS, Bench
from hydra_vertex.service.trials.engines.slurm import make_engine
from service.trials.engines.slurm.cluster import needs_cluster

pytestmark = needs_cluster


@pytest.mark.parametrize("name", CHECKS)
def test_check(name: str, tmp_path: Path) -> None:
    service_id = uuid.uuid4().hex[:8]
    settings: JsonObject = {"shared_folder": str(tmp_path), "on_node": True}
    CHECKS[name](Bench(lambda: make_engine(settings, service_id), tmp_path, service_id))
