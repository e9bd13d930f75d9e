"""Compare the makespan of 64 unequal trials, 8 in parallel: the embedded service and hydra-optuna-sweeper with joblib.

The service starts the next trial as soon as one ends. The sweeper asks for 8 trials, runs them by its launcher and
waits for the slowest. Both search at random and run trials of the same lengths in the same order. The lengths are
log-normal, with a deviation that is typical if model size and steps differ. Trials only sleep, so that the scheduling
alone is measured. The ideal is the time of 8 workers that each take the next trial without delay. The first figure is
the time of the whole command, including the start of the service or of Hydra; the second is that of the trials alone.

    python benchmarks/unequal_trials.py --peer-python /path/to/python [--mean 10] [--json]

The sweeper needs its own Python environment with hydra-core, hydra-optuna-sweeper and hydra-joblib-launcher, because
its releases need an old version of Optuna. Without `--peer-python` only the service is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hydra_vertex.service.start import start_service
from tuning.client import finished_job, job_document, seconds_between
from tuning.unequal import ideal_s, lengths

TRIALS = 64
PARALLEL = 8
SWEEPER_MODULES = ("hydra", "hydra_plugins.hydra_optuna_sweeper", "hydra_plugins.hydra_joblib_launcher")

APP = """
import json, os, sys, time
time.sleep(json.loads(sys.argv[1])[int(os.environ["CLOUD_ML_TRIAL_ID"]) - 1])
with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
    file.write('{"timestamp": %f, "loss": "1.0", "global_step": "1"}\\n' % time.time())
"""
SWEEPER_APP = """
import json, os, time
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    began = time.time()
    time.sleep(json.loads(os.environ["LENGTHS"])[HydraConfig.get().job.num])
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(f"{began} {time.time()}\\n")
    return 1.0

main()
"""
SWEEPER_CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: random
  - override hydra/launcher: joblib
x: 0.5
hydra:
  sweeper: {n_trials: %d, n_jobs: %d, direction: minimize, params: {x: "interval(0.0, 1.0)"}}
  launcher: {n_jobs: %d}
"""


@dataclass(frozen=True)
class Makespan:
    """Times in seconds. `trials_s` lasts from the first trial's start (the job's creation) to the last trial's end."""

    name: str
    command_s: float
    trials_s: float


def batches_s(durations: Sequence[float]) -> float:
    """Return the makespan in batches of PARALLEL: each batch takes as long as its slowest trial."""
    return sum(max(durations[start : start + PARALLEL]) for start in range(0, TRIALS, PARALLEL))


def measure_service(durations: Sequence[float]) -> Makespan:
    document = job_document(TRIALS, PARALLEL, 0.0)
    document["studySpec"]["algorithm"] = "RANDOM_SEARCH"
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container |= {"command": [sys.executable, "-I", "-S", "-c", APP], "args": [json.dumps(list(durations))]}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        began = time.perf_counter()
        with start_service(folder / "studies", folder / "log", timeout_s=60) as service:
            job = finished_job(service.url, document)
            command_s = time.perf_counter() - began
    return Makespan("hydra-vertex", command_s, seconds_between(job["createTime"], job["endTime"]))


def measure_sweeper(python: str, durations: Sequence[float]) -> Makespan:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "app.py").write_text(SWEEPER_APP)
        (folder / "config.yaml").write_text(SWEEPER_CONFIG % (TRIALS, PARALLEL, PARALLEL))
        environ = {"LENGTHS": json.dumps(list(durations)), "LEDGER": str(folder / "ledger"), "PATH": "/usr/bin:/bin"}
        began = time.perf_counter()
        run = subprocess.run(
            [python, "app.py", "--multirun"], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
        command_s = time.perf_counter() - began
        if run.returncode:
            raise RuntimeError(f"hydra-optuna-sweeper exited with code {run.returncode}:\n{run.stderr[-2000:]}")
        times = [tuple(map(float, line.split())) for line in (folder / "ledger").read_text().splitlines()]
    assert len(times) == TRIALS
    first, last = min(begin for begin, _ in times), max(end for _, end in times)
    return Makespan("hydra-optuna-sweeper, joblib", command_s, last - first)


def sweeper_is_usable(python: str | None) -> bool:
    """Whether the Python has the sweeper's modules; the reason is printed on stderr if not."""
    if python is None:
        print("no --peer-python is given: only the service is measured", file=sys.stderr)
        return False
    tried = subprocess.run(
        [python, "-c", f"import {', '.join(SWEEPER_MODULES)}"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        error = tried.stderr.strip().splitlines()[-1]
        print(f"{python} lacks modules of the sweeper ({error}): only the service is measured", file=sys.stderr)
    return tried.returncode == 0


def table(results: Sequence[Makespan], durations: Sequence[float]) -> str:
    ideal, batches = ideal_s(durations, PARALLEL), batches_s(durations)
    mean = sum(durations) / TRIALS
    lines = [
        f"{TRIALS} trials: {min(durations):.1f} to {max(durations):.1f} s, mean {mean:.1f} s; {PARALLEL} at once",
        f"(ideal {ideal:.1f} s; ideal in batches {batches:.1f} s, {batches / ideal:.2f} times the ideal).",
        "",
        "| | Whole command | Relative to ideal | Trials alone | Relative to ideal |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for r in results:
        cells = " | ".join(f"{seconds:.1f} s | {seconds / ideal:.3f}" for seconds in (r.command_s, r.trials_s))
        lines.append(f"| {r.name} | {cells} |")
    if len(results) > 1:
        whole, trials = results[1].command_s / results[0].command_s, results[1].trials_s / results[0].trials_s
        lines += ["", f"The sweeper takes {whole:.2f} times the wall-clock ({trials:.2f} times for the trials alone)."]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mean", type=float, default=10.0, help="mean length of a trial in seconds (10)")
    parser.add_argument("--peer-python", help="a Python with hydra-optuna-sweeper and hydra-joblib-launcher installed")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    durations = lengths(TRIALS, arguments.mean)
    results = [measure_service(durations)]
    if sweeper_is_usable(arguments.peer_python):
        results.append(measure_sweeper(arguments.peer_python, durations))
    print(json.dumps([asdict(r) for r in results], indent=2) if arguments.json else table(results, durations))
    return 0


if __name__ == "__main__":
    sys.exit(main())
