"""Measure engines: what a trial costs besides its own work, the makespan of unequal trials, and the contract.

`overhead` is the median time from the creation of a study of one trial that does nothing to its end, less that of the
trial's own command. `makespan` is that of 32 trials of log-normal length, 8 at once; its floor is the time of 8 workers
that take the next trial without delay, where each trial takes its length and the engine's own overhead.

    python benchmarks/engines.py --engine process --engine docker=settings.yaml --image python:3.11-slim [--mean 5]
    python benchmarks/engines.py --contract --engine docker=settings.yaml --image python:3.11-slim

An engine's settings are those of `--engine-config`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from hydra_vertex.service.contract.worker_engines import CHECKS, Bench
from hydra_vertex.service.start import start_service
from hydra_vertex.service.trials.engines.contract import WorkerEngine
from hydra_vertex.service.trials.engines.options import THIS_MACHINE, EngineOptions, make_engine
from hydra_vertex.service.trials.engines.process.engine import ProcessEngine
from hydra_vertex.service.trials.launch import own_programs
from hydra_vertex.service.trials.launch_spec import Host, Share
from tuning.client import finished_job, job_document, seconds_between
from tuning.unequal import ideal_s, lengths

TRIALS, PARALLEL = 32, 8
OVERHEAD_RUNS = 5

SCRIPT = """
set -- $1
shift $((CLOUD_ML_TRIAL_ID - 1))
sleep $1
printf '{"timestamp": %s, "loss": "1.0", "global_step": "1"}\\n' "$(date +%s)" > "$CLOUD_ML_HP_METRIC_FILE"
"""


NO_IMAGE = "image that cannot be had is refused"
NOT_APPLICABLE = {
    "process": {NO_IMAGE},
    "slurm": {NO_IMAGE},
    # A script alone does not copy its reports to the log, as hydra-trial does.
    "kubernetes": {"reports arrive while it runs"},
}


@dataclass(frozen=True)
class Measured:
    engine: str
    overhead_s: float
    makespan_s: float
    floor_s: float
    ideal_s: float


def measure(options: EngineOptions, image: str, mean_s: float) -> Measured:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        folder.chmod(0o755)
        with start_service(folder / "studies", folder / "log", 120, engine=options) as service:
            alone = [makespan_s(service.url, document([0.0], 1, image)) for _ in range(OVERHEAD_RUNS)]
            overhead_s = statistics.median(alone)
            durations = lengths(TRIALS, mean_s)
            measured_s = makespan_s(service.url, document(durations, PARALLEL, image))
    floor_s = ideal_s([duration + overhead_s for duration in durations], PARALLEL)
    return Measured(options.name, overhead_s, measured_s, floor_s, ideal_s(durations, PARALLEL))


def document(durations: Sequence[float], parallel: int, image: str) -> dict[str, Any]:
    job = job_document(len(durations), parallel, 0.0)
    job["studySpec"]["algorithm"] = "RANDOM_SEARCH"
    container = job["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    text = " ".join(map(str, durations))
    container |= {"imageUri": image, "command": ["sh", "-c", SCRIPT, "trial"], "args": [text]}
    return job


def makespan_s(url: str, job: dict[str, Any]) -> float:
    ended = finished_job(url, job)
    return seconds_between(ended["createTime"], ended["endTime"])


def contract(options: EngineOptions, image: str) -> dict[str, str]:
    """Return what each check of the contract says: kept, or how it is broken."""
    results: dict[str, str] = {}
    for name, check in CHECKS.items():
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            folder.chmod(0o755)
            service_id = uuid.uuid4().hex[:8]
            engines: list[WorkerEngine] = []

            def make(service_id: str = service_id, engines: list[WorkerEngine] = engines) -> WorkerEngine:
                engines.append(engine_of(options, service_id))
                return engines[-1]

            if name in NOT_APPLICABLE.get(options.name, ()):
                results[name] = "does not apply"
                continue
            bench = Bench(make, folder, service_id, image, "localhost/there-is-none:1", limit_s=180.0)
            try:
                check(bench)
            except Exception as error:
                results[name] = f"{type(error).__name__}: {error}"
            else:
                results[name] = "kept"
        print(f"{options.name}: {name}: {results[name]}", file=sys.stderr, flush=True)
    return results


def engine_of(options: EngineOptions, service_id: str) -> WorkerEngine:
    engine = make_engine(options, service_id)
    if engine is not None:
        return engine
    return ProcessEngine(Host(dict(os.environ), own_programs(), cpu_count=2), Share(None, 1), "token")


def table(results: Sequence[Measured]) -> str:
    lines = [
        f"{TRIALS} trials, {PARALLEL} at once; ideal without any overhead {results[0].ideal_s:.1f} s",
        "",
        "| engine | overhead of a trial | makespan | its floor | makespan / floor |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for one in results:
        ratio = one.makespan_s / one.floor_s
        lines.append(
            f"| {one.engine} | {one.overhead_s:.2f} s | {one.makespan_s:.1f} s | {one.floor_s:.1f} s | {ratio:.3f} |"
        )
    return "\n".join(lines)


def contract_table(results: dict[str, dict[str, str]]) -> str:
    lines = ["| check | " + " | ".join(results) + " |", "| --- |" + " --- |" * len(results)]
    for name in CHECKS:
        words = {"kept": "yes", "does not apply": "does not apply"}
        cells = (words.get(found[name], found[name]) for found in results.values())
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def engine_options(text: str) -> EngineOptions:
    name, equals, file = text.partition("=")
    return EngineOptions(name, yaml.safe_load(Path(file).read_text()) if equals else {})


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", type=engine_options, action="append", metavar="NAME[=FILE]", help="(process)")
    parser.add_argument("--image", default="python:3.11-slim", help="an image with sh (python:3.11-slim)")
    parser.add_argument("--mean", type=float, default=5.0, help="mean length of a trial in seconds (5)")
    parser.add_argument("--contract", action="store_true", help="check the contract, and measure nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    engines = arguments.engine or [EngineOptions(THIS_MACHINE)]
    if arguments.contract:
        kept = {options.name: contract(options, arguments.image) for options in engines}
        print(json.dumps(kept, indent=2) if arguments.json else contract_table(kept))
        return 0
    results = [measure(options, arguments.image, arguments.mean) for options in engines]
    print(json.dumps([asdict(one) for one in results], indent=2) if arguments.json else table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
