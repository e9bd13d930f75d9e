"""Measure `hydra-vertex check` on the sample trainer: `python benchmarks/check_time.py [RUNS]`. Paired runs, medians.

The baseline is the trainer's own `--cfg job`, which imports its libraries and composes its config once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from timing import paired_ratio, print_table, time_in_turn

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "trainer/train.py", "experiment=docs"]
SEARCH = "trainer/conf/hparams_search/docs.yaml"
SCRIPTS = Path(sys.executable).parent


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    commands = {
        "train.py --cfg job": [sys.executable, *COMMAND[1:], "--cfg", "job"],
        "hydra-vertex check": [str(SCRIPTS / "hydra-vertex"), "check", "--search", SEARCH, "--", *COMMAND],
    }
    timings = time_in_turn(commands, runs, cwd=str(ROOT))
    baseline = timings["train.py --cfg job"]
    rows = [[f"`{n}`", f"{t.median_s:.2f}", f"{paired_ratio(t, baseline):.2f}"] for n, t in timings.items()]
    print_table(["command", "seconds (median)", "relative to `--cfg job`"], rows)


if __name__ == "__main__":
    main()
