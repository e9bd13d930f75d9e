"""The number of CPUs for trials."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hydra_vertex.service.devices.cpus import cgroup_cpus, usable_cpus


def quota(root: Path, limits: dict[str, str], own: str) -> float | None:
    for folder, limit in limits.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "cpu.max").write_text(f"{limit}\n")
    (root / "own").write_text(own)
    return cgroup_cpus(root / "own", root)


@pytest.mark.parametrize(
    ("limits", "own", "cpus"),
    [
        ({}, "0::/\n", None),
        ({".": "max 100000"}, "0::/\n", None),
        ({".": "250000 100000"}, "0::/\n", 2.5),
        ({"a/b": "400000 100000", "a": "150000 100000"}, "0::/a/b\n", 1.5),
        ({"a/b": "50000 100000", "other": "1 100000"}, "1:cpu:/x\n0::/a/b\n", 0.5),
        ({".": "200000 100000"}, "0::/hidden/by/the/container\n", 2.0),
        ({".": "garbage"}, "0::/\n", None),
        ({".": "1 0"}, "0::/\n", None),
    ],
)
def test_the_smallest_quota_of_the_cgroup_and_its_ancestors_applies(
    tmp_path: Path, limits: dict[str, str], own: str, cpus: float | None
) -> None:
    assert quota(tmp_path, limits, own) == cpus


def test_the_number_of_cpus_is_between_1_and_the_affinity() -> None:
    assert 1 <= usable_cpus() <= len(os.sched_getaffinity(0))
