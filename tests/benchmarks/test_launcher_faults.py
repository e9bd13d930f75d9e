"""The rows of the table of faults, and the simulated hour of the benchmark of the tuning step."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest

import launcher_faults
from conftest import ROOT


def outcome(faults: list[str], restarts: int = 0, problems: list[str] | None = None) -> dict[str, Any]:
    return {"kind": "kill", "restarts": restarts, "exit_code": 0, "faults": faults, "problems": problems or []}


def test_a_row_counts_runs_restarts_requests_faults_and_what_is_wrong() -> None:
    runs = [outcome(["NONE", "LATE"], 1), outcome(["NONE"]), outcome(["TWICE", "SLOW"], 2, ["two jobs are left"])]

    assert launcher_faults.row("rest", "kill", runs) == [
        "rest",
        "killed and started again",
        "3",
        "3",
        "5",
        "3",
        "2",
        "1",
    ]


def test_a_kind_without_runs_has_a_row_of_zeros() -> None:
    assert launcher_faults.row("grpc", "stop", []) == ["grpc", "stopped by SIGTERM", *["0"] * 6]


def benchmark_of_the_step() -> ModuleType:
    """Load benchmarks/launcher.py by its path: tests/launcher has the same name."""
    spec = importlib.util.spec_from_file_location("benchmark_launcher", ROOT / "benchmarks" / "launcher.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_simulated_hour_ends_after_its_waits_and_does_not_wait() -> None:
    module = benchmark_of_the_step()
    sleep = module.hour()

    for _ in range(179):
        sleep(20.0)
    with pytest.raises(module.HourOverError):
        sleep(20.0)
