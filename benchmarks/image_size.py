"""The layers of the Dockerfile's targets and their sizes, against a budget: `python benchmarks/image_size.py`.

Needs a Docker engine; its build network is the host's. The base image is not counted, because it is not ours.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUDGET_MB = {"trial": 40, "launcher": 800}
"""What a target may add to its base, in megabytes of 10^6 bytes."""
_UNITS = {"B": 1e-6, "kB": 1e-3, "KB": 1e-3, "MB": 1.0, "GB": 1e3}
_SIZE = re.compile(r"([\d.]+) ?([kKMG]?B)")
_BASE = "python:3.11-slim"
_LONGEST = 76


@dataclass(frozen=True, slots=True)
class Layer:
    size_mb: float
    step: str


def layers(image: str) -> list[Layer]:
    lines = _docker("image", "history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image).splitlines()
    return [Layer(_megabytes(size), step) for size, _, step in (line.partition("\t") for line in reversed(lines))]


def added(target: str) -> list[Layer]:
    """Return the layers of a target that its base does not have."""
    name = f"localhost/hydra-vertex-size:{target}"
    _docker("build", "--network", "host", "--target", target, "--tag", name, str(ROOT))
    return layers(name)[len(layers(_BASE)) :]


def main() -> int:
    is_over = False
    for target, budget_mb in BUDGET_MB.items():
        found = added(target)
        total_mb = sum(layer.size_mb for layer in found)
        is_over |= total_mb > budget_mb
        print(f"{target}: {total_mb:.1f} MB above {_BASE}, budget {budget_mb} MB")
        for layer in found:
            if layer.size_mb >= 0.05:
                print(f"  {layer.size_mb:8.1f}  {_shown(layer.step)}")
    return 1 if is_over else 0


def _shown(step: str) -> str:
    """Return a step of the history on one short line, without the digests of what it copies."""
    return re.sub(r":[0-9a-f]{64}", "", " ".join(step.split())).replace("/bin/sh -eu -c #(nop) ", "")[:_LONGEST]


def _megabytes(text: str) -> float:
    found = _SIZE.fullmatch(text)
    assert found is not None, text
    return float(found[1]) * _UNITS[found[2]]


def _docker(*arguments: str) -> str:
    program = shutil.which("docker")
    assert program is not None, "docker is not on PATH"
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
