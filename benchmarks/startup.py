"""How long `--help` takes: `python benchmarks/startup.py`. A bare interpreter is the peer in the same run."""

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
    peer = timings["python -c pass"]
    rows = [[f"`{n}`", f"{t.median_s:.3f}", f"{paired_ratio(t, peer):.1f}"] for n, t in timings.items()]
    print_table(["command", "seconds (median)", "times a bare interpreter"], rows)


if __name__ == "__main__":
    main()
