"""The modules that a trial's supervisor may import: it starts without site, and its start is part of each trial."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hydra_vertex.protocol

ROOT = Path(hydra_vertex.protocol.__file__).parents[2]
ALREADY = {"json", "os", "select", "signal", "sys", "time"}
"""What the supervisor imports anyway."""


@pytest.mark.parametrize("name", ["signals", "file_lock", "regular_file", "reaping"])
def test_a_light_module_needs_little_of_the_standard_library_and_nothing_else(name: str) -> None:
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
