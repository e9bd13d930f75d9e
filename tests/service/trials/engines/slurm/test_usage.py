"""What the job of a trial uses: from the words of `sstat` and `scontrol`, and on a real cluster."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from hydra_vertex.service.machines.reading import CHIEF, GpuReading, NotMeasuredError, WorkerReading
from hydra_vertex.service.trials.engines.contract import Exited, Launch, Running, UnavailableError
from hydra_vertex.service.trials.engines.slurm import job_use
from hydra_vertex.service.trials.engines.slurm.engine import SlurmEngine
from hydra_vertex.service.trials.engines.slurm.job_use import JobUse, gpus_of
from hydra_vertex.service.trials.engines.slurm.settings import Settings
from hydra_vertex.service.trials.engines.slurm.usage import (
    ALL_WORKERS,
    NO_GPUS,
    Allocation,
    parse_allocation,
    parse_use,
)
from service.trials.engines.slurm.cluster import needs_cluster
from service.trials.engines.slurm.launches import launch_of, wait_for_kind, worker

BUSY = "import time; print('begun', flush=True); held = bytearray(50 << 20)\nwhile True: sum(range(10000))"


def use(text: str, workers: int = 1, allocation: Allocation | None = None) -> WorkerReading | None:
    return parse_use(text, "24", workers, allocation or Allocation())


def config() -> str:
    return Path(os.environ["SLURM_CONF"]).read_text()


def ask_until_measured(engine: SlurmEngine, launch: Launch) -> WorkerReading:
    """Ask until 2 s of CPU time were measured. Fails with the last reading after 60 s."""
    last, give_up = None, time.monotonic() + 60
    while time.monotonic() < give_up:
        for last in engine.measure(launch):
            if (last.cpu_s or 0) >= 2:
                return last
        time.sleep(0.2)
    raise AssertionError(f"not measured within 60 s: {last}")


def test_the_steps_of_a_job_are_added_up() -> None:
    text = "24.batch|cpu=00:00:03,energy=0,fs/disk=6,mem=12024K,pages=0\n24.0|cpu=1-02:03:04,mem=1.5G,vmem=2G\n"
    assert use(text, 2, Allocation(8.0, 4 << 30)) == WorkerReading(
        worker=ALL_WORKERS,
        cpu_s=3 + 86_400 + 2 * 3600 + 3 * 60 + 4,
        origin="24",
        memory_bytes=12024 * 1024 + (3 << 29),
        cpus=8.0,
        memory_limit_bytes=4 << 30,
    )


def test_one_worker_is_the_chief() -> None:
    reading = use("24.batch|cpu=00:01:00.500,mem=0\n")
    assert reading is not None
    assert (reading.worker, reading.cpu_s, reading.memory_bytes) == (CHIEF, 60.5, 0)


@pytest.mark.parametrize(
    "text", ["", "\n", "24.batch|\n", "24.batch|energy=0\n", "124.batch|cpu=00:00:01,mem=1K\n", "24.batch|cpu=?,mem=1K"]
)
def test_a_job_without_statistics_has_no_reading(text: str) -> None:
    assert use(text) is None


@pytest.mark.parametrize(
    ("tres", "expected"),
    [
        ("gres/gpumem=2048M,gres/gpuutil=90", GpuReading(2, 0.45, 2 << 30)),
        ("gres/gpuutil=250", GpuReading(2, 1.0)),
        ("gres/gpumem=1G", GpuReading(2, None, 1 << 30)),
        ("pages=1", GpuReading(2, missing=NO_GPUS)),
    ],
)
def test_gpus_are_measured_where_the_cluster_gathers_them(tres: str, expected: GpuReading) -> None:
    reading = use(f"24.batch|cpu=00:00:01,mem=1K,{tres}", allocation=Allocation(gpus=2))
    assert reading is not None
    assert reading.gpu == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"TRES": "cpu=1,mem=200M,node=1,billing=1"}, Allocation(1.0, 200 << 20, 3)),
        ({"AllocTRES": "cpu=16,mem=1.5T,node=2,gres/gpu=4,gres/gpu:a100=4"}, Allocation(16.0, 3 << 39, 4)),
        ({"AllocTRES": "(null)", "ReqTRES": "cpu=1"}, Allocation(None, None, 3)),
        ({}, Allocation(None, None, 3)),
    ],
)
def test_the_allocation_of_a_job_is_its_limit(fields: dict[str, str], expected: Allocation) -> None:
    assert parse_allocation(fields, 3) == expected


@pytest.mark.parametrize(("resource", "gpus"), [("", 0), ("gpu:2", 2), ("gpu:a100:3", 3), ("shard:4", 0)])
def test_the_gpus_of_a_generic_resource_are_counted(resource: str, gpus: int) -> None:
    assert gpus_of(resource) == gpus


def test_a_cluster_without_statistics_is_asked_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reader, launch = JobUse(Settings()), launch_of(tmp_path, worker("true"))
    with pytest.raises(UnavailableError, match="scontrol could not be started"):
        reader.read(launch, "24")
    assert reader.read(launch, "24") is None
    assert reader.read(launch_of(tmp_path, worker("true")), "25") is None


@needs_cluster
def test_a_cluster_that_gathers_no_statistics_is_named(
    engine: SlurmEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_use, "JOB_PAUSE_S", 0.1)
    launch = launch_of(tmp_path, worker("sleep", "60"))
    engine.launch(launch)
    wait_for_kind(engine, launch, Running)
    file = tmp_path / "slurm.conf"
    file.write_text(re.sub("(?m)^JobAcctGatherType=.*", "JobAcctGatherType=jobacct_gather/none", config()))
    with monkeypatch.context() as changed:
        changed.setenv("SLURM_CONF", str(file))
        with pytest.raises(NotMeasuredError, match="JobAcctGatherType"):
            ask_until_measured(engine, launch)
    engine.end(launch)
    wait_for_kind(engine, launch, Exited)


@needs_cluster
@pytest.mark.parametrize("workers", [1, 2])
def test_a_running_job_is_measured(
    engine: SlurmEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(job_use, "JOB_PAUSE_S", 1.0)
    pool = [worker("python3", "-c", BUSY, pool=0, replica=replica) for replica in range(workers)]
    launch = launch_of(tmp_path, *pool)
    engine.launch(launch)
    wait_for_kind(engine, launch, Running)
    last = ask_until_measured(engine, launch)
    engine.end(launch)
    wait_for_kind(engine, launch, Exited)
    assert last.worker == (CHIEF if workers == 1 else ALL_WORKERS)
    assert (last.cpu_s or 0) >= 2
    assert (last.memory_bytes or 0) > workers * (50 << 20)
    assert (last.memory_limit_bytes or 0) > (last.memory_bytes or 0)
    assert last.cpus == workers
    assert engine.measure(launch) == ()
