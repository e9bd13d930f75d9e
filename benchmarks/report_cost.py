"""Measure the time of one metric report when the trial has reported 100, 10,000 and 100,000 values before.

The baseline, in the same run, is the simplest method that never shows a reader a partial line: it reads the whole file,
writes a new one with one more line and renames it over the old one.

    python benchmarks/report_cost.py [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.trial.reporting.metric_file import add_value
from hydra_vertex.trial.reporting.records import make_line
from timing import print_table

COUNTS = (100, 10_000, 100_000)
REPEATS = 51


@dataclass(frozen=True)
class Cost:
    records: int
    report_us: float
    rewrite_us: float


def measure() -> list[Cost]:
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        file, baseline = Path(folder, "report"), Path(folder, "rewrite")
        return [measure_one(file, baseline, count) for count in COUNTS]


def measure_one(file: Path, baseline: Path, count: int) -> Cost:
    already = file.read_bytes().count(b"\n") if file.exists() else 0
    for _ in range(count - already):
        add_value(file, "val/loss", 0.25)
    baseline.write_bytes(make_line("val/loss", 0.25, 1) * count)
    # Not in turn: a rewrite of megabytes would evict the caches for the next report.
    report_us = median_us(partial(add_value, file, "val/loss", 0.25))
    return Cost(count, report_us, median_us(partial(rewrite, baseline)))


def rewrite(file: Path) -> None:
    write_atomic(file, file.read_bytes() + make_line("val/loss", 0.25, 1), durable=False)


def median_us(act: Callable[[], None]) -> float:
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    return 1e6 * statistics.median(seconds)


def print_costs(costs: list[Cost]) -> None:
    first = costs[0]
    rows = [
        [
            f"{cost.records:,}",
            f"{cost.report_us:,.0f}",
            f"{cost.report_us / first.report_us:.1f}",
            f"{cost.rewrite_us:,.0f}",
            f"{cost.rewrite_us / first.rewrite_us:.1f}",
        ]
        for cost in costs
    ]
    print_table(["records", "report (µs)", "relative to the first", "rewrite (µs)", "relative to the first"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    costs = measure()
    if arguments.json:
        print(json.dumps([asdict(cost) for cost in costs], indent=2))
    else:
        print_costs(costs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
