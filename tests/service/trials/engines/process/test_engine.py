"""The engine of this machine keeps the contract of engines."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.service.contract.worker_engines import CHECKS, Bench
from hydra_vertex.service.system.process_identity import is_alive
from hydra_vertex.service.trials.engines.contract import Exited
from hydra_vertex.service.trials.engines.process.engine import ProcessEngine
from hydra_vertex.service.trials.engines.process.worker_process import find_worker
from hydra_vertex.service.trials.engines.process.worker_specs import worker_folder
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


def test_a_worker_whose_supervisor_is_slow_to_begin_is_ended_later_and_not_lost(bench: Bench) -> None:
    launch = bench.launch("""if [ "$RANK" = 1 ]; then exit 5; fi; sleep 600""", replicas=2)
    engine = bench.make()
    engine.launch(launch)
    chief, other = (find_worker(worker_folder(launch, worker.place), launch.id) for worker in launch.workers)
    assert chief is not None
    assert other is not None
    os.kill(chief.process.pid, signal.SIGSTOP)
    wait_until(lambda: worker_folder(launch, launch.workers[1].place).exit_file.exists())
    wait_until(lambda: not is_alive(other.process))
    engine.observe(launch)
    os.kill(chief.process.pid, signal.SIGCONT)

    wait_until(lambda: isinstance(engine.observe(launch), Exited))

    ended = engine.observe(launch)
    assert isinstance(ended, Exited)
    assert ended.exit_status.code == 5
    engine.remove(launch)
