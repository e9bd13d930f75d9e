from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.trials.engines.contract import RefusedError
from hydra_vertex.service.trials.engines.slurm.settings import Settings
from hydra_vertex.service.trials.engines.slurm.submission import gres, minutes, submission
from service.trials.engines.slurm.launches import launch_of, worker

L4 = Settings(machines={"NVIDIA_L4": ("gpu:l4", 1), "NVIDIA_A100": ("gpu:a100", 2)})


def machine(kind: str, count: int | str | None = 1) -> JsonObject:
    return {"machineType": "g2-standard-8", "acceleratorType": kind, "acceleratorCount": count}


def test_a_job_has_the_options_of_its_launch(tmp_path: Path) -> None:
    launch = dataclasses.replace(launch_of(tmp_path, worker("a", machine=machine("NVIDIA_L4", 2))), id="hv-1-2-3")
    settings = dataclasses.replace(
        L4, partition="gpu", account="a", qos="q", cpus=8, memory="16G", sbatch_options=("--exclusive", "--comment=x")
    )
    output = Path("/data/100%/slurm-%j.txt")
    assert submission(launch, settings, output, "/home/a b") == [
        "--parsable",
        "--job-name=hv-1-2-3",
        "--comment=hydra-vertex job study trial 7",
        "--export=NONE",
        "--input=/dev/null",
        "--output=/data/100%%/slurm-%j.txt",
        "--open-mode=append",
        "--chdir=/home/a b",
        "--time=11",
        "--no-requeue",
        "--nodes=1",
        "--ntasks=1",
        "--ntasks-per-node=1",
        "--partition=gpu",
        "--account=a",
        "--qos=q",
        "--cpus-per-task=8",
        "--mem=16G",
        "--gres=gpu:l4:2",
        "--exclusive",
        "--comment=x",
    ]


def test_each_worker_has_a_node(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("a"), worker("a", pool=1))
    options = submission(launch, Settings(requeue=True), tmp_path / "x", "/")
    assert {"--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--requeue"} <= set(options)


@pytest.mark.parametrize(
    ("timeout_s", "limit", "expected"), [(1, None, 1), (58, None, 1), (59, None, 2), (7200, None, 121), (7200, 30, 30)]
)
def test_a_time_limit_is_rounded_up_to_minutes(
    tmp_path: Path, timeout_s: float, limit: int | None, expected: int
) -> None:
    launch = launch_of(tmp_path, worker("a"), timeout_s=timeout_s)
    assert minutes(launch, Settings(time_limit_minutes=limit)) == expected


@pytest.mark.parametrize(
    ("of_machine", "settings", "expected"),
    [
        ({}, L4, ""),
        ({"acceleratorType": "ACCELERATOR_TYPE_UNSPECIFIED"}, L4, ""),
        ({}, Settings(gres=("gpu", 1)), "gpu:1"),
        (machine("NVIDIA_L4"), L4, "gpu:l4:1"),
        (machine("NVIDIA_L4", "4"), L4, "gpu:l4:4"),
        (machine("NVIDIA_L4", None), L4, "gpu:l4:1"),
        (machine("NVIDIA_A100", 2), L4, "gpu:a100:4"),
    ],
)
def test_generic_resources_are_those_of_the_machine(
    tmp_path: Path, of_machine: JsonObject, settings: Settings, expected: str
) -> None:
    assert gres(launch_of(tmp_path, worker("a", machine=of_machine)), settings) == expected


def test_an_accelerator_without_a_resource_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"NVIDIA_L44 has no generic resource.*did you mean 'NVIDIA_L4'"):
        gres(launch_of(tmp_path, worker("a", machine=machine("NVIDIA_L44"))), L4)


def test_pools_with_different_resources_are_refused(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, worker("a", machine=machine("NVIDIA_L4")), worker("a", pool=1))
    with pytest.raises(RefusedError, match=r"workerPoolSpecs\[0\] gpu:l4:1, workerPoolSpecs\[1\] none"):
        gres(launch, L4)
