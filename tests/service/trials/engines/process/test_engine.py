"""The engine of this machine keeps the contract of engines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.service.contract.worker_engines import CHECKS, Bench
from hydra_vertex.service.trials.engines.process.engine import ProcessEngine
from hydra_vertex.service.trials.launch import own_programs
from hydra_vertex.service.trials.launch_spec import Host, Share
from service.harness import wait_until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    host = Host(dict(os.environ), own_programs(), cpu_count=2)
    engines: list[ProcessEngine] = []  # an earlier service would have ended, not dropped its child processes

    def make() -> ProcessEngine:
        engines.append(ProcessEngine(host, Share(None, 1), "token"))
        return engines[-1]

    yield Bench(make, tmp_path, "0123abcd")
    wait_until(lambda: not any(engine.reap() for engine in engines))


@pytest.mark.parametrize("name", CHECKS)
def test_the_contract_is_kept(bench: Bench, name: str) -> None:
    CHECKS[name](bench)
