"""Run the same sweep with hydra/sweeper=optuna and hydra/sweeper=vertex: wall-clock and best value.

The app is the Branin function, and each trial sleeps as a training would work. The lengths are log-normal, and the
same in both sweeps. hydra-optuna-sweeper has its TPE sampler and the joblib launcher, with which its batches run in
parallel. The smallest value of the function is 0.398.

    python benchmarks/sweepers.py --python /path/to/python [--trials 24] [--parallel 8] [--mean 10] [--seeds 3]

The Python needs hydra-vertex[all], hydra-optuna-sweeper and hydra-joblib-launcher.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

LOG_DEVIATION = 0.6
APP = """
import json, os, time
from math import cos, pi
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    time.sleep(json.loads(os.environ["LENGTHS"])[HydraConfig.get().job.num])
    valley = config.y - 5.1 / (4 * pi**2) * config.x**2 + 5 / pi * config.x - 6
    return valley**2 + 10 * (1 - 1 / (8 * pi)) * cos(config.x) + 10

main()
"""
CONFIG = """
x: 0.0
y: 0.0
hydra:
  sweeper: {n_trials: %d, n_jobs: %d, direction: minimize, params: {x: "interval(-5, 10)", y: "interval(0, 15)"}}
"""
SWEEPERS = {
    "optuna": ("hydra/sweeper=optuna", "hydra/launcher=joblib"),
    "vertex": ("hydra/sweeper=vertex",),
}


@dataclass(frozen=True)
class Result:
    """The wall-clock of the whole command in seconds, and the best value of the sweep."""

    wall_s: float
    best: float


def lengths(trials: int, mean_s: float, seed: int) -> list[float]:
    source = random.Random(seed)  # noqa: S311 - lengths, no secret
    raw = [source.lognormvariate(0.0, LOG_DEVIATION) for _ in range(trials)]
    return [round(length * mean_s * trials / sum(raw), 3) for length in raw]


def config(words: Sequence[str], trials: int, parallel: int) -> str:
    """Return the config with its defaults list: joblib takes the number of jobs at once from its own config."""
    choices = "".join(f"  - override {word.replace('=', ': ')}\n" for word in words)
    launcher = f"  launcher: {{n_jobs: {parallel}}}\n" if any("joblib" in word for word in words) else ""
    return f"defaults:\n  - _self_\n{choices}{CONFIG % (trials, parallel)}{launcher}"


def measure(words: Sequence[str], arguments: argparse.Namespace, seed: int) -> Result:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "app.py").write_text(APP)
        (folder / "config.yaml").write_text(config(words, arguments.trials, arguments.parallel))
        environ = {
            "LENGTHS": json.dumps(lengths(arguments.trials, arguments.mean, seed)),
            "PATH": f"{Path(arguments.python).parent}:/usr/bin:/bin",
        }
        command = [arguments.python, "app.py", "-m", "hydra.sweep.dir=out", f"hydra.sweeper.sampler.seed={seed}"]
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=True)
        wall_s = time.perf_counter() - began
        return Result(wall_s, yaml.safe_load((folder / "out/optimization_results.yaml").read_text())["best_value"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", required=True, help="a Python with both sweepers and hydra-joblib-launcher")
    parser.add_argument("--trials", type=int, default=24, help="trials of a sweep (24)")
    parser.add_argument("--parallel", type=int, default=8, help="trials at once (8)")
    parser.add_argument("--mean", type=float, default=10.0, help="mean length of a trial in seconds (10)")
    parser.add_argument("--seeds", type=int, default=3, help="number of sweeps with each sweeper (3)")
    arguments = parser.parse_args()
    # In turns, so that other work of the machine meets both.
    found: dict[str, list[Result]] = {name: [] for name in SWEEPERS}
    for seed in range(arguments.seeds):
        for name, words in SWEEPERS.items():
            found[name].append(measure(words, arguments, seed))
    print("| sweeper | wall-clock, median | best value, median | best values |\n| --- | ---: | ---: | --- |")
    for name, results in found.items():
        wall_s, best = (
            statistics.median(values) for values in zip(*((r.wall_s, r.best) for r in results), strict=True)
        )
        values = ", ".join(f"{result.best:.3f}" for result in results)
        print(f"| {name} | {wall_s:.0f} s | {best:.3f} | {values} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
