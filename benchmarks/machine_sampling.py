"""Measure what sampling a trial costs: `python benchmarks/machine_sampling.py [ROUNDS] [SECONDS]`. Medians of pairs.

An app that computes, with 1 and with 8 processes that hold 50 MB each, runs in turn without and with a sampler that
is asked twice a second, as a service does. Its CPU time for the same work is compared, and the CPU time of the sampling
itself is given as a share of one core: at first a trial is read once a second, later once in five.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.service.machines.curve_file import write_curves
from hydra_vertex.service.machines.curve_recorder import MAX_POINTS, CurveRecorder
from hydra_vertex.service.machines.reading import GpuReading, WorkerReading
from hydra_vertex.service.machines.sampler import Sampler
from hydra_vertex.service.machines.supervised import measure_supervised
from hydra_vertex.service.system.process_identity import identify
from timing import print_table

LOOK_INTERVAL_S = 0.5
APP = """
import os, sys, time
held = bytearray(50 << 20)
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        held[:] = held  # pages of its own
        time.sleep(600)
for _ in range(int(sys.argv[2])):
    sum(i * i for i in range(10_000))
os.killpg(0, 9)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], start_new_session=True)"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 8.0
    work = round(seconds / work_unit_s())
    print_table(
        ["processes", "CPU time with sampling to without", "sampling, share of one core", "points", "one reading (ms)"],
        [measured(processes, work, rounds) for processes in (1, 8)],
    )
    print(f"\nThe largest file of a trial of one worker: {largest_file_bytes() / 1000:.1f} kB")


def work_unit_s() -> float:
    began = time.process_time()
    for _ in range(50):
        sum(i * i for i in range(10_000))
    return (time.process_time() - began) / 50


def measured(processes: int, work: int, rounds: int) -> list[str]:
    ratios, shares, points, readings = [], [], [], []
    for _ in range(rounds):
        plain_s, *_ = app_run(processes, work, is_sampled=False)
        sampled_s, share, count, reading_s = app_run(processes, work, is_sampled=True)
        ratios.append(sampled_s / plain_s)
        shares.append(share)
        points.append(count)
        readings.append(reading_s)
    return [
        str(processes),
        f"{statistics.median(ratios):.3f}",
        f"{100 * statistics.median(shares):.2f} %",
        f"{statistics.median(points):.0f}",
        f"{1000 * statistics.median(readings):.1f}",
    ]


def app_run(processes: int, work: int, *, is_sampled: bool) -> tuple[float, float, int, float]:
    """Run the app. Return its CPU time, and the sampler's share of one core, its points and the time of a reading."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        parent = subprocess.Popen([sys.executable, "-c", PARENT, APP, str(processes), str(work)])
        supervisor = identify(parent.pid)
        assert supervisor is not None
        Path(folder, "1").mkdir()
        times: list[float] = []

        def measure() -> tuple[WorkerReading, ...]:
            began = time.thread_time()
            found = measure_supervised(supervisor, gpu=None, shares_gpu=False)
            times.append(time.thread_time() - began)
            return found

        sampler = Sampler(Path(folder, "1/machines.json"), "1", measure)
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        while parent.poll() is None:
            if is_sampled:
                sampler.tick()
            time.sleep(LOOK_INTERVAL_S / 10)
        elapsed_s, used_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
        sampler.finish()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    app_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return app_s, used_s / elapsed_s, len(times), statistics.median(times) if times else 0.0


def largest_file_bytes() -> int:
    """Return the size of a full file in which every number has as many digits as it can have."""
    recorder = CurveRecorder("workerpool0-0", datetime.now(timezone.utc))
    gpu = GpuReading(8, 0.987654321, 640 << 30, 640 << 30)
    for number in range(MAX_POINTS * 64):
        used = 123.456789 * number
        recorder.add(7.777 * number, WorkerReading(cpu_s=used, origin="1", memory_bytes=900 << 30, gpu=gpu))
        if number > MAX_POINTS and len(recorder.curve().time_s) == MAX_POINTS - 1:
            break
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        file = Path(folder, "machines.json")
        write_curves(file, "1", [recorder])
        return file.stat().st_size


if __name__ == "__main__":
    main()
