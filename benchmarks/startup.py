"""Measure the time of `--help`, relative to a bare interpreter in the same run: `python benchmarks/startup.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from timing import paired_ratio, print_table, time_in_turn

RUNS = 15
SCRIPTS = Path(sys.executable).parent


def main() -> None:
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "hydra-trial --help": [str(SCRIPTS / "hydra-trial"), "--help"],
        "hydra-vertex --help": [str(SCRIPTS / "hydra-vertex"), "--help"],
    }
    timings = time_in_turn(commands, RUNS)
    baseline = timings["python -c pass"]
    rows = [[f"`{n}`", f"{t.median_s:.3f}", f"{paired_ratio(t, baseline):.1f}"] for n, t in timings.items()]
    print_table(["command", "seconds (median)", "relative to a bare interpreter"], rows)


if __name__ == "__main__":
    main()
