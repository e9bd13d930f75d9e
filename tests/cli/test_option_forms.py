from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from hydra_vertex.cli.commands.option_forms import boot_disk, label, worker_pool
from hydra_vertex.cli.option_types import seconds
from hydra_vertex.job import ContainerSpec, WorkerPoolSpec
from hydra_vertex.pipelines.trial_settings import Disk

DURATION = "expected a number of seconds above 0 and at most 315576000000, or one with units such as 30m"
ACCEPTED: list[tuple[Callable[[str], object], str, object]] = [
    (boot_disk, "pd-ssd:100", Disk("pd-ssd", 100)),
    (boot_disk, "64000", Disk("", 64000)),
    (boot_disk, "hyperdisk-balanced:500", Disk("hyperdisk-balanced", 500)),
    (label, "team=a-b_1", ("team", "a-b_1")),
    (label, "team=", ("team", "")),
    (label, "équipe=ü", ("équipe", "ü")),
    (seconds, "90", 90.0),
    (seconds, "0.5", 0.5),
    (seconds, "1e3", 1000.0),
    (seconds, "30m", 1800.0),
    (seconds, "1h30m", 5400.0),
    (seconds, "2d", 172_800.0),
    (worker_pool, "", WorkerPoolSpec()),
    (
        worker_pool,
        "replica-count=2,machine-type=n1-standard-8,container-image-uri=i:1",
        WorkerPoolSpec(ContainerSpec("i:1"), 2, {"machineType": "n1-standard-8"}),
    ),
    (
        worker_pool,
        "machine-type=n1-standard-8,accelerator-type=NVIDIA_TESLA_T4",
        WorkerPoolSpec(
            ContainerSpec(),
            1,
            {"machineType": "n1-standard-8", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 1},
        ),
    ),
]
REFUSED: list[tuple[Callable[[str], object], str, str]] = [
    (boot_disk, "", "expected TYPE:GB"),
    (boot_disk, "pd-balanced:100", "the types are pd-ssd, pd-standard, hyperdisk-balanced"),
    (boot_disk, "pd-ssd:100GB", "expected TYPE:GB"),
    (boot_disk, "99", "expected 100 to 64000 GB"),
    (boot_disk, "pd-ssd:64001", "expected 100 to 64000 GB"),
    (label, "team", "expected KEY=VALUE"),
    (label, "Team=a", "expected KEY=VALUE of lowercase letters"),
    (label, "1team=a", "a key begins with a letter"),
    (label, "team=A", "expected KEY=VALUE of lowercase letters"),
    (label, "team=a b", "expected KEY=VALUE of lowercase letters"),
    (label, f"team={'a' * 64}", "at most 63"),
    (label, f"{'a' * 64}=a", "at most 63"),
    (label, "=a", "expected KEY=VALUE"),
    *((seconds, text, DURATION) for text in ("", "0", "0m", "-1", "-1m", "nan", "inf", "soon", "1x", "1m2", "1e300")),
    (worker_pool, "replica-count=2", "machine-type is missing"),
    (worker_pool, "machine-type=a,replica-count=0", "expected a whole number from 1"),
    (worker_pool, "machine-type=a,accelerator-count=1", "accelerator-count needs accelerator-type"),
    (worker_pool, "machine-type=a,machine-type=b", "expected machine-type=VALUE once"),
    (worker_pool, "machine-type", "expected machine-type=VALUE once"),
    (worker_pool, "machinetype=a", "did you mean 'machine-type'"),
    (worker_pool, "machine-type=a,python-module=m", "the program of the pools is the app's command"),
]


@pytest.mark.parametrize(("parse", "text", "value"), ACCEPTED)
def test_an_option_is_parsed(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text", "says"), REFUSED)
def test_an_invalid_option_is_refused_with_what_is_expected(
    parse: Callable[[str], object], text: str, says: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=says):
        parse(text)
