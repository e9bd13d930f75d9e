"""The tuning step has exactly one job, whatever a proxy does to its requests, and leaves none behind when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.service.start import start_service
from launcher.faults.runs import Service

SEEDS = int(os.environ.get("FAULT_SEEDS", "4"))
"""The number of seeds for each transport."""
FIRST = int(os.environ.get("FAULT_FIRST", "0"))
SEED_LIMIT_S = 60


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("faults")
    with start_service(folder / "studies", folder / "service.log", 30.0, ["--grpc-port", "0"]) as running:
        yield Service(running.url, running.grpc)


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_no_job_is_lost_made_twice_or_left_running(service: Service, transport: str) -> None:
    seeds = ["--seeds", str(FIRST), str(FIRST + SEEDS)]
    command = [sys.executable, "-m", "launcher.faults.runs", "--url", service.url, "--grpc", service.grpc]
    ended = subprocess.run(
        [*command, "--transport", transport, *seeds],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=SEEDS * SEED_LIMIT_S,
        check=False,
    )

    assert ended.stdout.splitlines()[-1:] == [f"{SEEDS} right, 0 wrong"], ended.stdout + ended.stderr
