"""Runs every benchmark and prints its table under its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HELPERS = {"__init__.py", "__main__.py", "timing.py"}


def main() -> None:
    for script in sorted(Path(__file__).resolve().parent.glob("*.py")):
        if script.name not in HELPERS:
            print(f"\n## benchmarks/{script.name}\n", flush=True)
            subprocess.run([sys.executable, str(script)], check=True)


if __name__ == "__main__":
    main()
