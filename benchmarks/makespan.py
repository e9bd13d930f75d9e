"""Compare the duration of a study (makespan) with the ideal one, in which starting a trial takes no time.

16 trials of equal length run 1, 2, 4 and 8 in parallel: the ideal is ceil(16 / parallel) times the length. The start-up
time of a trial's processes is measured separately, with as many starting at once, because no scheduler can avoid it.
The study uses the service's default algorithm, the Bayesian search.

    python benchmarks/makespan.py [--length 2.0] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from hydra_vertex.service.start import start_service
from hydra_vertex.service.trials.launch import BEGIN, supervisor_command
from tuning.client import finished_job, job_document, seconds_between

TRIALS = 16
PARALLEL = (1, 2, 4, 8)
START_UP_RUNS = 10


@dataclass(frozen=True)
class Makespan:
    parallel: int
    ideal_s: float
    measured_s: float
    start_up_s: float

    @property
    def overhead(self) -> float:
        return self.measured_s / self.ideal_s - 1

    @property
    def overhead_without_start_up(self) -> float:
        return (self.measured_s - self.start_up_s) / self.ideal_s - 1


def measure(length_s: float) -> list[Makespan]:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        start_up_s = {parallel: process_start_up_s(folder, parallel) for parallel in PARALLEL}
        with start_service(folder / "studies", folder / "log", timeout_s=30) as service:
            return [measure_one(service.url, parallel, length_s, start_up_s[parallel]) for parallel in PARALLEL]


def measure_one(url: str, parallel: int, length_s: float, start_up_s: float) -> Makespan:
    rounds = math.ceil(TRIALS / parallel)
    job = finished_job(url, job_document(TRIALS, parallel, length_s))
    measured_s = seconds_between(job["createTime"], job["endTime"])
    return Makespan(parallel, rounds * length_s, measured_s, rounds * start_up_s)


def process_start_up_s(folder: Path, parallel: int) -> float:
    """Return the median time in which `parallel` supervisors start together, run an app that takes 0 s, and exit."""
    return statistics.median(start_up_once_s(folder, parallel) for _ in range(START_UP_RUNS))


def start_up_once_s(folder: Path, parallel: int) -> float:
    began = time.perf_counter()
    processes = [start_supervisor(folder, str(number)) for number in range(parallel)]
    for process in processes:
        process.wait()
    return time.perf_counter() - began


def start_supervisor(folder: Path, number: str) -> subprocess.Popen[bytes]:
    (folder / number).mkdir(exist_ok=True)
    container = job_document(1, 1, 0.0)["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    order = {
        "command": [*container["command"], *container["args"], "--x=1.0"],
        "directory": str(folder / number),
        "timeout_s": 60,
        "grace_s": 1,
        "log_limit_bytes": 1 << 20,
        "token": "benchmark",
    }
    environ = {"CLOUD_ML_HP_METRIC_FILE": str(folder / number / "metrics.jsonl")}
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(order).encode())
        file.seek(0)
        command = supervisor_command(file.fileno())
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environ, pass_fds=(file.fileno(),))
    assert process.stdin is not None
    process.stdin.write(BEGIN)
    process.stdin.close()
    return process


def table(results: list[Makespan], length_s: float) -> str:
    lines = [
        f"{TRIALS} trials of {length_s:g} s.",
        "",
        "| Parallel | Ideal | Process start-up | Measured | Over ideal | Over ideal and process start-up |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in results:
        lines.append(
            f"| {r.parallel} | {r.ideal_s:.1f} s | {r.start_up_s:.2f} s | {r.measured_s:.2f} s | {r.overhead:.1%} "
            f"| {r.overhead_without_start_up:.1%} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--length", type=float, default=2.0, help="length of a trial in seconds (2.0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    results = measure(arguments.length)
    print(json.dumps([asdict(r) for r in results], indent=2) if arguments.json else table(results, arguments.length))
    return 0


if __name__ == "__main__":
    sys.exit(main())
