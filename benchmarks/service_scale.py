"""Measure the service's CPU time and memory per trial and its read latency, with 1,000 trials, 100 at once.

Trials sleep for 50 ms. With the random search, the default, only the service is measured; with `--algorithm bayesian`
also the model. CPU time (user and system) and memory (proportional set size) are those of the service's process,
measured each time another 100 trials have ended, so that a cost that grows with the study is visible. A separate
process reads whole documents over one connection. In turn with them it reads as many bytes from a second server that
does nothing else: the trials use all cores of a small machine, and this baseline shows what any server's answer takes
under that load.

    python benchmarks/service_scale.py [--trials 1000] [--parallel 100] [--algorithm random] [--json]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hydra_vertex.service.start import start_service
from tuning.client import COLLECTION, job_document, request

ALGORITHMS = {"random": "RANDOM_SEARCH", "bayesian": "ALGORITHM_UNSPECIFIED"}
"""The search by name, and its value in the study spec."""

LENGTH_S = 0.05
READ_INTERVAL_S = 0.05
MARK = 100


@dataclass(frozen=True)
class Mark:
    """The state of the service after `ended` trials: seconds since the start, its CPU seconds, its memory in MiB."""

    ended: int
    seconds: float
    cpu_s: float
    pss_mib: float


@dataclass
class Result:
    trials: int
    parallel: int
    algorithm: str
    marks: list[Mark] = field(default_factory=list)
    get_ms: list[float] = field(default_factory=list)
    list_ms: list[float] = field(default_factory=list)
    baseline_ms: list[float] = field(default_factory=list)
    restart_s: float = 0.0


def measure(trials: int, parallel: int, algorithm: str) -> Result:
    result = Result(trials, parallel, algorithm)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        with start_service(folder / "studies", folder / "log", timeout_s=60) as service:
            name = run_study(service.url, service.pid, result)
            os.kill(service.pid, signal.SIGKILL)
        began = time.perf_counter()
        with start_service(folder / "studies", folder / "log", timeout_s=60) as service:
            job = request(f"{service.url}/v1/{name}")
            result.restart_s = time.perf_counter() - began
        assert sum("endTime" in trial for trial in job["trials"]) >= trials
    return result


def study(result: Result) -> dict[str, Any]:
    """Return the job, with `parallel` more trials than are measured, so that some run when the service is killed."""
    document = job_document(result.trials + result.parallel, result.parallel, LENGTH_S)
    document["studySpec"]["algorithm"] = ALGORITHMS[result.algorithm]
    return document


def run_study(url: str, pid: int, result: Result) -> str:
    """Run a study until `trials` trials have ended, and return its name; it still has trials to run."""
    name = request(f"{url}/v1/{COLLECTION}", study(result))["name"]
    here, there = multiprocessing.Pipe()
    baseline = multiprocessing.Process(target=serve_bytes, args=(there,), daemon=True)
    baseline.start()
    read = (url, name, here.recv(), result.trials, there)
    reader = multiprocessing.Process(target=read_repeatedly, args=read, daemon=True)
    reader.start()
    service, began = psutil.Process(pid), time.perf_counter()
    ended, marked = 0, -MARK
    while ended < result.trials:
        ended = here.recv()
        if ended >= marked + MARK or ended >= result.trials:
            marked = ended
            result.marks.append(mark(service, ended, time.perf_counter() - began))
    result.get_ms, result.list_ms, result.baseline_ms = here.recv()
    reader.join()
    baseline.terminate()
    return name


def mark(service: psutil.Process, ended: int, seconds: float) -> Mark:
    cpu = service.cpu_times()
    return Mark(ended, seconds, cpu.user + cpu.system, service.memory_full_info().pss / (1 << 20))


def serve_bytes(results: Connection) -> None:
    """Serve N bytes at /N with the libraries that the service uses. Sends the address to `results` first."""

    async def answer(request: Request) -> Response:
        return Response(b" " * int(request.path_params["count"]), media_type="application/json")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        results.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(Starlette(routes=[Route("/{count:int}", answer)]), access_log=False, log_config=None)
        uvicorn.Server(config).run(sockets=[listener])


def read_repeatedly(url: str, name: str, baseline_url: str, trials: int, results: Connection) -> None:
    """Read Get, List and the baseline server in turn until `trials` trials have ended.

    Sends to `results` the number of ended trials after each turn, and all times in milliseconds at the end.
    """
    service, baseline = (http.client.HTTPConnection(urlsplit(each).netloc, timeout=60) for each in (url, baseline_url))
    get_ms, list_ms, baseline_ms = [], [], []
    ended = 0
    while ended < trials:
        took_ms, body = timed_read(service, f"/v1/{name}")
        get_ms.append(took_ms)
        list_ms.append(timed_read(service, f"/v1/{COLLECTION}")[0])
        baseline_ms.append(timed_read(baseline, f"/{len(body)}")[0])
        ended = sum("endTime" in trial for trial in json.loads(body).get("trials", []))
        results.send(ended)
        time.sleep(READ_INTERVAL_S)
    results.send((get_ms, list_ms, baseline_ms))


def timed_read(connection: http.client.HTTPConnection, path: str) -> tuple[float, bytes]:
    began = time.perf_counter()
    connection.request("GET", path)
    body = connection.getresponse().read()
    return 1000 * (time.perf_counter() - began), body


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def per_trial(before: Mark, after: Mark) -> str:
    ended = after.ended - before.ended
    cpu_ms = 1000 * (after.cpu_s - before.cpu_s) / ended
    per_second = ended / (after.seconds - before.seconds)
    return f"{before.ended} to {after.ended} | {cpu_ms:.1f} ms | {per_second:.1f} | {after.pss_mib:.1f} MiB"


def table(result: Result) -> str:
    study_of = f"{result.trials} trials of {1000 * LENGTH_S:g} ms, {result.parallel} at once, {result.algorithm} search"
    lines = [
        f"{study_of}, on {os.cpu_count()} CPUs.",
        "",
        "| Ended trials | CPU of the service per trial | Trials per second | Memory of the service |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {per_trial(*pair)} |" for pair in zip(result.marks, result.marks[1:], strict=False)]
    lines += ["", "| Read | Median | p99 | Reads |", "| --- | ---: | ---: | ---: |"]
    rows = {"Get": result.get_ms, "List": result.list_ms, "Baseline server": result.baseline_ms}
    for name, times in rows.items():
        lines.append(
            f"| {name} | {statistics.median(times):.1f} ms | {percentile(times, 0.99):.1f} ms | {len(times)} |"
        )
    lines += ["", f"Restart after kill -9 until the whole job is read: {result.restart_s:.2f} s."]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000, help="ended trials to wait for (1000)")
    parser.add_argument("--parallel", type=int, default=100, help="trials at once (100)")
    parser.add_argument("--algorithm", choices=sorted(ALGORITHMS), default="random", help="the search (random)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    result = measure(arguments.trials, arguments.parallel, arguments.algorithm)
    print(json.dumps(asdict(result), indent=2) if arguments.json else table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
