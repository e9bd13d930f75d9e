"""The number of a worker among those of its trial."""

from __future__ import annotations

import json

import pytest

from hydra_vertex.trial.command.node_rank import node_rank_variable

POOLS = {"workerpool0": ["a:2222"], "workerpool1": ["b:2222", "c:2222"], "workerpool3": ["d:2222"]}


def spec(pool: str, index: object, pools: object = POOLS) -> str:
    return json.dumps({"cluster": pools, "environment": "cloud", "task": {"type": pool, "index": index}})


@pytest.mark.parametrize(
    ("pool", "index", "rank"),
    [
        ("workerpool0", 0, "0"),
        ("workerpool1", 0, "1"),
        ("workerpool1", 1, "2"),
        ("workerpool1", "1", "2"),
        ("workerpool3", 0, "3"),
    ],
)
def test_workers_are_counted_through_their_pools(pool: str, index: object, rank: str) -> None:
    assert node_rank_variable({"CLUSTER_SPEC": spec(pool, index)}) == {"NODE_RANK": rank}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        spec("workerpool0", 0, {"workerpool0": ["a:2222"]}),
        spec("workerpool0", 1),
        spec("workerpool0", -1),
        spec("workerpool2", 0),
        spec("workerpool0", None),
        spec("workerpool0", 0, [1]),
        spec("workerpool0", 0, {"workerpool0": 2}),
    ],
)
def test_one_worker_and_a_malformed_cluster_have_no_number(text: str) -> None:
    assert node_rank_variable({"CLUSTER_SPEC": text}) == {}


@pytest.mark.parametrize("name", ["NODE_RANK", "GROUP_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"])
def test_the_number_of_a_launcher_is_kept(name: str) -> None:
    assert node_rank_variable({"CLUSTER_SPEC": spec("workerpool1", 0), name: "7"}) == {}
