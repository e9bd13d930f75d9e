"""Measure the time that hydra-trial adds to an app: `python benchmarks/trial_overhead.py [RUNS]`. Paired runs, medians.

Two apps are measured: one that imports only Hydra, so that the added time is a large share, and the sample trainer. The
baselines are the app itself and a common alternative, a shell line that removes the dashes with sed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from timing import paired_ratio, print_table, time_in_turn

ROOT = Path(__file__).resolve().parent.parent
SED = 'program="$0"; exec "$program" $(echo "$@" | sed "s/--//g")'
TRIAL = str(Path(sys.executable).parent / "hydra-trial")
APP = """
import hydra

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(config):
    return config.lr

if __name__ == "__main__":
    main()
"""


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        Path(folder, "app.py").write_text(APP)
        Path(folder, "config.yaml").write_text("lr: 0.1\ndepth: 2\n")
        small = ["app.py"], ["--lr=0.01", "--depth=4"], ["lr=0.01", "depth=4"]
        trainer = [str(ROOT / "trainer/train.py"), "experiment=docs"]
        sample = trainer, ["--optimizer.lr=0.003"], ["optimizer.lr=0.003"]
        rows = [measure("an app that imports only Hydra", *small, runs, folder)]
        rows.append(measure("the sample trainer, `experiment=docs`", *sample, max(3, runs // 2), folder))
    print_table(["app", "plain (s)", "with sed (s)", "with hydra-trial (s)", "to plain", "to sed"], rows)


def measure(
    name: str, app: list[str], parameters: list[str], overrides: list[str], runs: int, folder: str
) -> list[str]:
    commands = {
        "plain": [sys.executable, *app, *overrides],
        "sed": ["sh", "-c", SED, sys.executable, *app, *parameters],
        "trial": [TRIAL, "--", sys.executable, *app, *parameters],
    }
    metric_file = str(Path(folder, "metric", "file"))
    timings = time_in_turn(commands, runs, {"CLOUD_ML_HP_METRIC_FILE": metric_file, "OMP_NUM_THREADS": "1"}, folder)
    plain, sed, trial = timings["plain"], timings["sed"], timings["trial"]
    seconds = [f"{timing.median_s:.2f}" for timing in (plain, sed, trial)]
    return [name, *seconds, f"{paired_ratio(trial, plain):.3f}", f"{paired_ratio(trial, sed):.3f}"]


if __name__ == "__main__":
    main()
