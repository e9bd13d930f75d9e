from __future__ import annotations

import pytest

from hydra_vertex.job import WorkerPoolSpec, app_pools, parse_worker_pools
from hydra_vertex.protocol.json import Json

APP: Json = {"containerSpec": {"imageUri": "eu.gcr.io/p/train:1"}, "machineSpec": {"machineType": "n1-standard-8"}}
SERVER = "us-docker.pkg.dev/vertex-ai-restricted/training/reductionserver"


def pool(**container: Json) -> Json:
    return {"containerSpec": container, "machineSpec": {"machineType": "n1-highcpu-16"}}


POOLS: dict[str, tuple[list[Json], list[int]]] = {
    "one": ([APP], [0]),
    "a primary replica and workers": ([APP, APP], [0, 1]),
    "workers without a container, on machines of the file": ([{"machineSpec": {"machineType": "n1-standard-8"}}], [0]),
    "a reduction server": ([APP, APP, pool(imageUri=f"{SERVER}:latest")], [0, 1]),
    "a reduction server by its digest": ([APP, APP, pool(imageUri=f"{SERVER}@sha256:0")], [0, 1]),
    "a reduction server and no workers": ([APP, {}, pool(imageUri=SERVER)], [0]),
    "a server with a command": ([APP, {}, pool(imageUri="mine", command=["serve"])], [0]),
    "an image with a similar name": ([APP, pool(imageUri="eu.gcr.io/p/reductionserver/train")], [0, 1]),
    "a Python package": ([APP, {"pythonPackageSpec": {"pythonModule": "m"}}], [0]),
    "a first pool with a command": ([pool(imageUri="mine", command=["serve"])], [0]),
}


@pytest.mark.parametrize("case", POOLS)
def test_the_pools_that_run_the_app_are_those_that_are_no_servers(case: str) -> None:
    pools, expected = POOLS[case]

    assert list(app_pools(parse_worker_pools(pools))) == expected


def test_a_pool_that_is_not_used_is_empty_in_a_document() -> None:
    from hydra_vertex.job import TrialJobSpec, dump_trial_job_spec

    assert dump_trial_job_spec(TrialJobSpec((WorkerPoolSpec(),))) == {"workerPoolSpecs": [{}]}
