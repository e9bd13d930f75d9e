"""Measure the service's memory and the time to read its job, with 10 and with 1,000 finished trials.

Memory is the proportional set size (PSS): pages shared with other processes count in equal parts. The study uses the
service's default algorithm, the Bayesian search, so that the model's libraries and matrices are included.

    python benchmarks/service_memory.py [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from hydra_vertex.service.start import start_service
from tuning.client import finished_job, job_document, request

TRIALS = (10, 1000)
PARALLEL = 8
READS = 20


@dataclass(frozen=True)
class Memory:
    trials: int
    pss_mib: float
    rss_mib: float
    read_ms: float
    """The median time to read the whole job, in milliseconds."""
    trials_per_s: float


def measure() -> list[Memory]:
    return [measure_one(trials) for trials in TRIALS]


def measure_one(trials: int) -> Memory:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        with start_service(folder / "studies", folder / "log", timeout_s=30) as service:
            began = time.perf_counter()
            job = finished_job(service.url, job_document(trials, PARALLEL, 0.0))
            took_s = time.perf_counter() - began
            read_ms = statistics.median(timed_read_ms(f"{service.url}/v1/{job['name']}") for _ in range(READS))
            memory = psutil.Process(service.pid).memory_full_info()
    mib = 1 << 20
    return Memory(trials, memory.pss / mib, memory.rss / mib, read_ms, trials / took_s)


def timed_read_ms(url: str) -> float:
    began = time.perf_counter()
    request(url)
    return 1000 * (time.perf_counter() - began)


def table(results: list[Memory]) -> str:
    lines = [
        "| Finished trials | PSS | RSS | Reading the job | Trials of 0 s per second |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in results:
        cells = (f"{r.pss_mib:.0f} MiB", f"{r.rss_mib:.0f} MiB", f"{r.read_ms:.0f} ms", f"{r.trials_per_s:.0f}")
        lines.append(f"| {r.trials} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    results = measure()
    print(json.dumps([asdict(r) for r in results], indent=2) if arguments.json else table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
