"""Run the tuning step behind a proxy that injects faults into its requests, and count what is left of its jobs.

The proxy drops, delays, repeats, refuses or corrupts requests and answers, before or after the service executes them;
2, 5 or 8 of 10 requests at first, and fewer and fewer, so that each run ends. The step runs to its end, is stopped by
SIGTERM at a random moment, or is killed up to twice and started again. A run is right when exactly one job is left,
whose result the step has; none is left running after a stop; and the step shows no traceback and ends in time.

    python benchmarks/launcher_faults.py [--seeds 250] [--first 0]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra_vertex.service.start import start_service
from timing import print_table

TESTS = Path(__file__).resolve().parents[1] / "tests"
KINDS = {"end": "runs to its end", "stop": "stopped by SIGTERM", "kill": "killed and started again"}


def outcomes(transport: str, first: int, seeds: int) -> Iterator[dict[str, Any]]:
    """Yield the outcome of each run, as `tests/launcher/faults/runs.py` prints it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with start_service(folder / "studies", folder / "log", 30.0, ["--grpc-port", "0"]) as service:
            command = [sys.executable, "-m", "launcher.faults.runs", "--url", service.url, "--grpc", service.grpc]
            command += ["--transport", transport, "--json", "--seeds", str(first), str(first + seeds)]
            with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                yield from map(json.loads, process.stdout)


def row(transport: str, kind: str, runs: list[dict[str, Any]]) -> list[str]:
    faults = [fault for run in runs for fault in run["faults"]]
    injected = sum(fault != "NONE" for fault in faults)
    restarts = sum(run["restarts"] for run in runs)
    wrong = sum(bool(run["problems"]) for run in runs)
    return [transport, KINDS[kind], *map(str, (len(runs), restarts, len(faults), injected, len(runs) - wrong, wrong))]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=250, help="runs over each transport (250)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    arguments = parser.parse_args()
    found = {name: list(outcomes(name, arguments.first, arguments.seeds)) for name in ("rest", "grpc")}
    head = ["transport", "the step", "runs", "restarts", "requests", "with a fault", "right", "wrong"]
    rows = [
        row(name, kind, [run for run in runs if run["kind"] == kind]) for name, runs in found.items() for kind in KINDS
    ]
    print_table(head, rows)
    print()
    every = [run for runs in found.values() for run in runs]
    counts = Counter(fault for run in every for fault in run["faults"])
    print_table(["fault", "requests"], [[name, str(count)] for name, count in sorted(counts.items())])
    for problem in (problem for run in every for problem in run["problems"]):
        print(problem, file=sys.stderr)
    return int(any(run["problems"] for run in every))


if __name__ == "__main__":
    sys.exit(main())
