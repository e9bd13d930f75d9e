"""The module paths that pipelines compiled before 0.2.0 name in their commands."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["tune", "select_best"])
def test_a_step_starts_by_its_path_before_0_2_0(name: str) -> None:
    command = [sys.executable, "-m", f"hydra_vertex.launcher.{name}", "--executor_input", "{}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (2, f"{name}: outputs.outputFile: expected a path, got None\n")
