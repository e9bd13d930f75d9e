"""Runs the benchmarks that take minutes and need nothing special, and prints each one's table under its name.

The others are run by themselves: `search_quality.py` takes hours with all its peers, `gpu_throughput.py` needs a GPU,
`unequal_trials.py` the peer's own environment, `early_stopping.py` many studies.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HELPERS = {"__init__.py", "__main__.py", "timing.py"}
BY_THEMSELVES = {"search_quality.py", "gpu_throughput.py", "unequal_trials.py", "early_stopping.py"}


def main() -> None:
    for script in sorted(Path(__file__).resolve().parent.glob("*.py")):
        if script.name not in HELPERS | BY_THEMSELVES:
            print(f"\n## benchmarks/{script.name}\n", flush=True)
            subprocess.run([sys.executable, str(script)], check=True)


if __name__ == "__main__":
    main()
