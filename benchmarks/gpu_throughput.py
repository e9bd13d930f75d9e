"""Measure trials per hour on one GPU: one trial at a time and K at once, without and with CUDA MPS.

It needs an NVIDIA GPU. Each arm is a study of 16 trials of the sample trainer (`trainer=gpu`) in the embedded service.
The study searches one learning rate at random. Its points depend on the job's id alone, and each arm is the first job
of its own folder, so the 16 configs are the same in every arm. The arms differ in `--trials-per-gpu` and in whether an
MPS daemon runs. GPU utilisation is the value that nvidia-smi reports, sampled once a second: the share of time in which
any kernel ran, not the share of the GPU that was used.

    python benchmarks/gpu_throughput.py [--model nano small] [--at-once 1 4 8] [--bytes 20_000_000] [--no-mps] [--json]

The first visible GPU is used; its settings are not changed. The script starts its own MPS daemon in a private folder,
and ends it.
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
    command = [trial, "--metric", "val/loss", "--", sys.executable, str(TRAIN), *overrides]
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
    """Samples the utilisation of a GPU by nvidia-smi once a second while the context is active."""

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
                output = subprocess.run(self._command, capture_output=True, text=True, timeout=10, check=True)
                self._samples.append(float(output.stdout))

    def __enter__(self) -> Utilisation:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@contextlib.contextmanager
def mps_daemon(gpu: Gpu) -> Iterator[dict[str, str]]:
    """Run an MPS daemon for one GPU in a temporary folder; yields the environment variables for its clients."""
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
    deadline = time.monotonic() + MPS_LIMIT_S
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


@contextlib.contextmanager
def set_environ(added: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, which the service and its trials inherit, for the time of the context."""
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
        "| Model | Trials | Wall-clock | Trials per hour | Relative to 1 | GPU utilisation | Best loss | Failed |",
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
    parser.add_argument("--bytes", type=int, default=20_000_000, help="training bytes of each trial (20 million)")
    parser.add_argument("--compile", action="store_true", help="compile the model (trainer.compile=true)")
    parser.add_argument("--no-mps", action="store_true", help="skip the arms with MPS")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    gpus = find_gpus(os.environ)
    if not gpus:
        print("no GPU is visible: nvidia-smi lists none, or CUDA_VISIBLE_DEVICES hides them", file=sys.stderr)
        return 2
    mps = not arguments.no_mps and shutil.which(MPS) is not None
    if not mps and not arguments.no_mps:
        print(f"{MPS} is not on PATH: the arms with MPS are skipped", file=sys.stderr)
    chosen = arms(arguments.model, arguments.at_once, mps=mps)
    results = [measure(arm, gpus[0], arguments.bytes, arguments.compile) for arm in chosen]
    machine = f"{gpus[0].name}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    print(json.dumps([asdict(r) for r in results]) if arguments.json else table(results, machine, arguments.bytes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
