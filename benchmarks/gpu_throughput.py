"""Trials per hour on one GPU: one at a time against K at once, plain and under CUDA's MPS. Needs an NVIDIA GPU.

16 trials of the sample trainer (`trainer=gpu`) with the same 16 configs in each arm, by the embedded service: random
search of one learning rate, whose points depend on the job's id alone, and each arm is the first job of its own folder.
What changes between the arms is `--trials-per-gpu` and whether an MPS daemon runs. GPU utilisation is what nvidia-smi
says once a second: the share of time in which any kernel ran, not how full the GPU was.

    python benchmarks/gpu_throughput.py [--model nano small] [--at-once 1 4 8] [--bytes 20_000_000] [--no-mps] [--json]

One GPU is used, the first that is visible; its settings are left as they are. The MPS daemon is this script's own, in a
private folder, and is ended with it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra_vertex.service.devices.gpus import VISIBLE_DEVICES, Gpu, find_gpus
from hydra_vertex.service.devices.resource_options import ResourceOptions
from hydra_vertex.service.start import start_service
from tuning.client import finished_job, seconds_between

TRIALS = 16
TRAIN = Path(__file__).resolve().parent.parent / "trainer" / "train.py"
MPS = "nvidia-cuda-mps-control"
MPS_LIMIT_S = 30.0
SAMPLE_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Arm:
    model: str
    at_once: int
    mps: bool

    @property
    def name(self) -> str:
        return f"{self.at_once} at once{', MPS' if self.mps else ''}"


@dataclass(frozen=True)
class Result:
    arm: Arm
    wall_s: float
    utilisation_percent: float
    best_loss: float
    failed: int

    @property
    def trials_per_hour(self) -> float:
        return 3600 * (TRIALS - self.failed) / self.wall_s


def measure(arm: Arm, gpu: Gpu, train_bytes: int, compiled: bool) -> Result:
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as directory, contextlib.ExitStack() as stack:
        folder = Path(directory)
        environ = {VISIBLE_DEVICES: gpu.id, **(stack.enter_context(mps_daemon(gpu)) if arm.mps else {})}
        stack.enter_context(set_environ(environ))
        options = ResourceOptions(trials_per_gpu=arm.at_once)
        service = stack.enter_context(start_service(folder / "studies", folder / "log", 120, resources=options))
        with Utilisation(gpu) as utilisation:
            job = finished_job(service.url, study(arm, train_bytes, compiled))
        return result_of(arm, job, utilisation)


def result_of(arm: Arm, job: Mapping[str, Any], utilisation: Utilisation) -> Result:
    values = [
        trial["finalMeasurement"]["metrics"][0]["value"] for trial in job["trials"] if "finalMeasurement" in trial
    ]
    for trial in job["trials"]:
        if "infeasibleReason" in trial:
            print(f"trial {trial['id']} of {arm.model}, {arm.name}: {trial['infeasibleReason']}", file=sys.stderr)
    return Result(
        arm=arm,
        wall_s=seconds_between(job["startTime"], job["endTime"]),
        utilisation_percent=utilisation.mean_percent,
        best_loss=min(values),
        failed=TRIALS - len(values),
    )


def study(arm: Arm, train_bytes: int, compiled: bool) -> dict[str, Any]:
    overrides = [f"model={arm.model}", "trainer=gpu", f"trainer.train_bytes={train_bytes}"]
    overrides += [f"trainer.compile={str(compiled).lower()}", "trainer.validations=2"]
    trial = str(Path(sys.executable).parent / "hydra-trial")
    command = [trial, "--metric", "val/loss", "--", "python", str(TRAIN), *overrides]
    learning_rate = {"parameterId": "optimizer.lr", "scaleType": "UNIT_LOG_SCALE"}
    return {
        "displayName": f"{arm.model}, {arm.name}",
        "maxTrialCount": TRIALS,
        "parallelTrialCount": arm.at_once,
        "studySpec": {
            "algorithm": "RANDOM_SEARCH",
            "metrics": [{"metricId": "val/loss", "goal": "MINIMIZE"}],
            "parameters": [{**learning_rate, "doubleValueSpec": {"minValue": 3e-4, "maxValue": 3e-2}}],
        },
        "trialJobSpec": {"workerPoolSpecs": [{"containerSpec": {"command": command}}]},
    }


class Utilisation:
    """What nvidia-smi says of a GPU once a second while the block runs."""

    def __init__(self, gpu: Gpu) -> None:
        query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        self._command = ["nvidia-smi", f"--id={gpu.id}", *query]
        self._samples: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    @property
    def mean_percent(self) -> float:
        return statistics.mean(self._samples) if self._samples else float("nan")

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_INTERVAL_S):
            with contextlib.suppress(ValueError, subprocess.SubprocessError):
                said = subprocess.run(self._command, capture_output=True, text=True, timeout=10, check=True)
                self._samples.append(float(said.stdout))

    def __enter__(self) -> Utilisation:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@contextlib.contextmanager
def mps_daemon(gpu: Gpu) -> Iterator[dict[str, str]]:
    """An MPS daemon for one GPU in a folder of its own; what its clients need in their environment."""
    with tempfile.TemporaryDirectory(prefix="mps-") as directory:
        folders = {"CUDA_MPS_PIPE_DIRECTORY": f"{directory}/pipe", "CUDA_MPS_LOG_DIRECTORY": f"{directory}/log"}
        for folder in folders.values():
            Path(folder).mkdir()
        environ = {**os.environ, **folders, VISIBLE_DEVICES: gpu.id}
        subprocess.run([MPS, "-d"], env=environ, timeout=MPS_LIMIT_S, check=True)
        try:
            yield folders
        finally:
            subprocess.run([MPS], input="quit\n", text=True, env=environ, timeout=MPS_LIMIT_S, check=False)
            wait_until_gone(Path(folders["CUDA_MPS_PIPE_DIRECTORY"]) / "nvidia-cuda-mps-control.pid")


def wait_until_gone(pid_file: Path) -> None:
    give_up = time.monotonic() + MPS_LIMIT_S
    while pid_file.exists() and time.monotonic() < give_up:
        time.sleep(0.1)


@contextlib.contextmanager
def set_environ(added: Mapping[str, str]) -> Iterator[None]:
    """The service and its trials inherit these."""
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def arms(models: list[str], at_once: list[int], *, mps: bool) -> list[Arm]:
    plain = [Arm(model, count, False) for model in models for count in at_once]
    shared = [Arm(model, count, True) for model in models for count in at_once if count > 1] if mps else []
    return sorted([*plain, *shared], key=lambda arm: (models.index(arm.model), arm.mps, arm.at_once))


def table(results: list[Result], machine: str, train_bytes: int) -> str:
    lines = [
        f"{machine}. {TRIALS} trials of {train_bytes:,} bytes of training each.",
        "",
        "| Model | Trials | Wall-clock | Trials an hour | Against one at a time | GPU busy | Best loss | Failed |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    alone = {r.arm.model: r.trials_per_hour for r in results if r.arm.at_once == 1}
    for r in results:
        ratio = f"{r.trials_per_hour / alone[r.arm.model]:.2f}" if r.arm.model in alone else ""
        lines.append(
            f"| {r.arm.model} | {r.arm.name} | {r.wall_s:.0f} s | {r.trials_per_hour:.0f} | {ratio} "
            f"| {r.utilisation_percent:.0f} % | {r.best_loss:.4f} | {r.failed} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="+", default=["nano", "small"], choices=["nano", "small"])
    parser.add_argument("--at-once", nargs="+", type=int, default=[1, 4, 8], metavar="K")
    parser.add_argument("--bytes", type=int, default=20_000_000, help="bytes seen in training by a trial (20 million)")
    parser.add_argument("--compile", action="store_true", help="let the trainer compile its model, as trainer=gpu does")
    parser.add_argument("--no-mps", action="store_true", help="leave out the arms under MPS")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    arguments = parser.parse_args()
    gpus = find_gpus(os.environ)
    if not gpus:
        print("no GPU is visible here (nvidia-smi lists none, or CUDA_VISIBLE_DEVICES hides them)", file=sys.stderr)
        return 2
    mps = not arguments.no_mps and shutil.which(MPS) is not None
    if not mps and not arguments.no_mps:
        print(f"{MPS} is not on the PATH: the arms under MPS are left out", file=sys.stderr)
    chosen = arms(arguments.model, arguments.at_once, mps=mps)
    results = [measure(arm, gpus[0], arguments.bytes, arguments.compile) for arm in chosen]
    machine = f"{gpus[0].name}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    print(json.dumps([asdict(r) for r in results]) if arguments.json else table(results, machine, arguments.bytes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
