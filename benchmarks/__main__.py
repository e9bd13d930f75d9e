"""Run the benchmarks that take minutes and need no special hardware or environment: `python -m benchmarks`.

The table of each is printed below the name of its script. Ten scripts are started separately: `search_quality.py`
takes hours with all baselines, `gpu_throughput.py` needs a GPU, `unequal_trials.py` and `sweepers.py` need an
environment with hydra-optuna-sweeper, `image_size.py` needs Docker, `early_stopping.py` and `replay.py` run hundreds of
studies, `launcher_faults.py` 500 tuning steps, and `report_page.py` and `report_screenshots.py` need Chromium.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HELPERS = {"__init__.py", "__main__.py", "timing.py"}
SEPARATE = {
    "report_page.py",
    "report_screenshots.py",
    "launcher_faults.py",
    "search_quality.py",
    "gpu_throughput.py",
    "image_size.py",
    "unequal_trials.py",
    "sweepers.py",
    "early_stopping.py",
    "replay.py",
}


def main() -> None:
    for script in sorted(Path(__file__).resolve().parent.glob("*.py")):
        if script.name not in HELPERS | SEPARATE:
            print(f"\n## benchmarks/{script.name}\n", flush=True)
            subprocess.run([sys.executable, str(script)], check=True)


if __name__ == "__main__":
    main()
