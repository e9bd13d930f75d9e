"""The modules that a trial's supervisor imports must load fast: the supervisor starts, without site, in every trial."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hydra_vertex.protocol

ROOT = Path(hydra_vertex.protocol.__file__).parents[2]
ALREADY = {"json", "os", "select", "signal", "sys", "time"}
"""The modules that the supervisor imports itself."""


@pytest.mark.parametrize("name", ["signals", "file_lock", "regular_file", "reaping"])
def test_a_light_module_imports_only_a_few_modules_of_the_standard_library(name: str) -> None:
    code = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        f"import {', '.join(sorted(ALREADY))}; before = set(sys.modules)\n"
        f"import hydra_vertex.protocol.{name}; print(*set(sys.modules) - before)"
    )
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    imported = set(ended.stdout.split())
    allowed = {f"hydra_vertex.protocol.{module}" for module in (name, "regular_file")}
    assert f"hydra_vertex.protocol.{name}" in imported
    assert imported <= {"__future__", "errno", "fcntl", "stat", "hydra_vertex", "hydra_vertex.protocol", *allowed}
