"""Real processes that use CPU and memory, and their children."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from hydra_vertex.service.machines.processes import read_processes, tree_of
from hydra_vertex.service.machines.reading import WorkerReading
from hydra_vertex.service.machines.supervised import measure_supervised
from hydra_vertex.service.system.process_identity import ProcessId, identify

MIB = 1 << 20
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print("started", flush=True)
child.wait()
print("reaped", flush=True)
sys.stdin.readline()
"""


@contextmanager
def parent_of(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process without own work, the parent of one that runs the code."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            for one in psutil.Process(process.pid).children(recursive=True):
                one.kill()
            process.kill()


def read(process: subprocess.Popen[str]) -> WorkerReading:
    return read_processes(tree_of(process.pid))


def until(reading: subprocess.Popen[str], cpu_s: float) -> WorkerReading:
    give_up = time.monotonic() + 20
    while (found := read(reading)).cpu_s is None or found.cpu_s < cpu_s:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return found


def test_a_busy_child_is_measured() -> None:
    with parent_of("while True: pass") as process:
        first = until(process, 0.1)
        second = until(process, (first.cpu_s or 0) + 0.3)
        assert first.origin == second.origin


def test_the_seconds_of_a_child_that_has_ended_stay() -> None:
    code = "import time\nwhile time.process_time() < 0.3: pass"
    with parent_of(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reaped\n"
        assert (read(process).cpu_s or 0) >= 0.28
        assert read(process).memory_bytes == 0


def test_the_memory_of_a_child_is_measured() -> None:
    code = f"data = b'x' * {100 * MIB}\nprint('held', flush=True)\nimport time\ntime.sleep(60)"
    with parent_of(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert 100 * MIB < (read(process).memory_bytes or 0) < 140 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the shares of memory that processes share")
def test_memory_that_forked_children_share_counts_once() -> None:
    code = (
        f"import os, time\ndata = b'x' * {100 * MIB}\n"
        "for _ in range(4):\n    if os.fork() == 0:\n        time.sleep(60)\n"
        "print('forked', flush=True)\ntime.sleep(60)"
    )
    with parent_of(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        assert len(tree_of(process.pid)) == 6
        assert 100 * MIB < (read(process).memory_bytes or 0) < 180 * MIB


def test_a_process_that_has_ended_has_no_reading() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        supervisor = identify(process.pid)
        assert supervisor is not None
    assert tree_of(process.pid) == []
    assert measure_supervised(supervisor, gpu=None, shares_gpu=False) == ()


def test_another_process_with_the_same_pid_is_not_measured() -> None:
    with parent_of("input()") as process:
        other = ProcessId(process.pid, 1)
        assert measure_supervised(other, gpu=None, shares_gpu=False) == ()


def test_a_supervised_command_has_the_limits_of_its_machine() -> None:
    with parent_of("import time; time.sleep(60)") as process:
        supervisor = identify(process.pid)
        assert supervisor is not None
        (reading,) = measure_supervised(supervisor, gpu=None, shares_gpu=False, memory_limit_bytes=5 * MIB)
        assert (reading.memory_limit_bytes, reading.gpu.gpus) == (5 * MIB, 0)
        assert (reading.cpus or 0) >= 1
        (reading,) = measure_supervised(supervisor, gpu=None, shares_gpu=False)
        assert reading.memory_limit_bytes == psutil.virtual_memory().total
