"""Selection of the reporting process of a distributed run."""

from __future__ import annotations

import pytest

from hydra_vertex.trial.reporting.rank import is_first

_POOL_1 = '{"task": {"type": "workerpool1", "index": 0}}'


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"RANK": "0", "LOCAL_RANK": "0"},
        {"NODE_RANK": "0", "LOCAL_RANK": "0"},
        {"CLUSTER_SPEC": '{"task": {"type": "workerpool0", "index": 0}}'},
        {"CLUSTER_SPEC": "not JSON"},
        {"RANK": "", "CLUSTER_SPEC": "[]"},
        {"RANK": "0", "CLUSTER_SPEC": _POOL_1},
    ],
)
def test_the_first_process_reports(environ: dict[str, str]) -> None:
    assert is_first(environ)


@pytest.mark.parametrize(
    "environ",
    [
        {"RANK": "1", "LOCAL_RANK": "0"},
        {"LOCAL_RANK": "1"},
        {"NODE_RANK": "1", "LOCAL_RANK": "0"},
        {"SLURM_PROCID": "3"},
        {"CLUSTER_SPEC": _POOL_1},
        {"CLUSTER_SPEC": '{"task": {"type": "workerpool0", "index": 1}}'},
    ],
)
def test_other_ranks_do_not_report(environ: dict[str, str]) -> None:
    assert not is_first(environ)
