"""GPUs as NVML gives them, from a module with pynvml's interface; the last test holds that against the real one."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NVML = Path(__file__).parent / "nvml"
GIB = 1 << 30
GPUS = [
    {"uuid": "GPU-a", "used": 2 * GIB, "total": 16 * GIB, "gpu": 50, "processes": {"11": [30, GIB], "12": [10, GIB]}},
    {"uuid": "GPU-b", "used": 4 * GIB, "total": 16 * GIB, "gpu": 100},
    {"uuid": "MIG-c", "used": GIB, "total": 8 * GIB, "gpu": None},
    {"uuid": "GPU-d", "used": GIB, "total": 8 * GIB, "gpu": 5, "processes": {"11": [30, None]}},
]
READ = """
import sys, json, dataclasses
sys.path.insert(0, sys.argv[1])
from hydra_vertex.service.machines.gpus import read_gpus
names, pids = json.loads(sys.argv[2])
print(json.dumps(dataclasses.asdict(read_gpus(names, pids))))
"""


def read(tmp_path: Path, names: list[str], pids: list[int] | None = None, content: object = None) -> dict[str, Any]:
    """Read in a process of its own: NVML is loaded once in a process."""
    file = tmp_path / "nvml.json"
    file.write_text(json.dumps(content or {"gpus": GPUS}))
    command = [sys.executable, "-c", READ, str(NVML), json.dumps([names, pids])]
    done = subprocess.run(command, env={"FAKE_NVML": str(file)}, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("names", "pids", "busy", "used", "limit"),
    [
        (["GPU-a"], None, 0.5, 2 * GIB, 16 * GIB),
        (["1"], None, 1.0, 4 * GIB, 16 * GIB),
        (["GPU-a", "GPU-b"], None, 0.75, 6 * GIB, 32 * GIB),
        (["MIG-c"], None, None, GIB, 8 * GIB),
        (["GPU-a"], [11, 99], 0.3, GIB, 16 * GIB),
        (["GPU-a"], [11, 12], 0.4, 2 * GIB, 16 * GIB),
        (["GPU-b"], [11], 0.0, 0, 16 * GIB),
    ],
)
def test_gpus_are_named_by_uuid_or_number_and_shared_ones_are_measured_by_process(
    tmp_path: Path, names: list[str], pids: list[int] | None, busy: float | None, used: int, limit: int
) -> None:
    found = read(tmp_path, names, pids)
    assert found == {"gpus": len(names), "busy": busy, "memory_bytes": used, "memory_limit_bytes": limit, "missing": ""}


def test_no_gpu_loads_no_library(tmp_path: Path) -> None:
    assert read(tmp_path, [], content={"error": "must not be loaded"})["missing"] == ""


@pytest.mark.parametrize(
    ("names", "pids", "content", "missing"),
    [
        (["GPU-x"], None, None, "GPU GPU-x is not measured: Not Found"),
        (["7"], None, None, "GPU 7 is not measured: Invalid Argument"),
        (["GPU-a"], None, {"error": "Driver Not Loaded"}, "NVML cannot be used (Driver Not Loaded)"),
        (["GPU-d"], [11], None, "NVML does not say the GPU memory of single processes here"),
    ],
)
def test_what_cannot_be_measured_says_why(
    tmp_path: Path, names: list[str], pids: list[int] | None, content: object, missing: str
) -> None:
    found = read(tmp_path, names, pids, content)
    assert missing in found["missing"]
    assert (found["gpus"], found["memory_bytes"]) == (1, None)


def test_without_the_package_the_reading_names_it(tmp_path: Path) -> None:
    (tmp_path / "pynvml.py").write_text("raise ImportError('not installed')")
    command = [sys.executable, "-c", READ, str(tmp_path), '[["0"], null]']
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pip install 'hydra-vertex[gpu]'" in done.stdout


@pytest.mark.skipif(find_spec("pynvml") is None, reason="nvidia-ml-py is not installed")
def test_the_stand_in_has_only_names_of_the_library() -> None:
    spec = find_spec("pynvml")
    assert spec is not None
    assert spec.origin is not None
    real = Path(spec.origin).read_text()
    tree = ast.parse((NVML / "pynvml.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert f"def {node.name}(" in real
        if isinstance(node, ast.ClassDef) and "_" in node.name:
            assert f"NVML_ERROR_{''.join('_' + c if c.isupper() else c for c in node.name[10:])[1:].upper()}" in real
