"""What a trial costs the service when there are 1,000 of them, 100 at once, and how quickly it answers meanwhile.

Trials take 50 ms and do nothing. The study searches at random: what is measured is the service, not a model. CPU time
is the service's own process (user and system), its memory the proportional set size; both at every hundredth trial
that has ended, so that a cost that grows with the study shows. Reads are whole documents over one connection, by a
process of their own. The same bytes from a server that does nothing else are read in turn with them: the trials take
all cores of a small machine, and that is what any server's answer costs meanwhile.

    python benchmarks/service_scale.py [--trials 1000] [--parallel 100] [--json]
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
from urllib.parse import urlsplit

import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hydra_vertex.service.start import start_service
from tuning.client import COLLECTION, job_document, request

LENGTH_S = 0.05
READ_INTERVAL_S = 0.05
MARK = 100


@dataclass(frozen=True)
class Mark:
    """The service when so many trials had ended."""

    ended: int
    seconds: float
    cpu_s: float
    pss_mib: float


@dataclass
class Result:
    trials: int
    parallel: int
    marks: list[Mark] = field(default_factory=list)
    get_ms: list[float] = field(default_factory=list)
    list_ms: list[float] = field(default_factory=list)
    bare_ms: list[float] = field(default_factory=list)
    restart_s: float = 0.0


def measure(trials: int, parallel: int) -> Result:
    result = Result(trials, parallel)
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


def run_study(url: str, pid: int, result: Result) -> str:
    """Run until so many trials have ended; as many as may run at once are left, to be found by the next service."""
    document = job_document(result.trials + result.parallel, result.parallel, LENGTH_S)
    document["studySpec"]["algorithm"] = "RANDOM_SEARCH"
    name = request(f"{url}/v1/{COLLECTION}", document)["name"]
    here, there = multiprocessing.Pipe()
    bare = multiprocessing.Process(target=serve_bytes, args=(there,), daemon=True)
    bare.start()
    read = (url, name, here.recv(), result.trials, there)
    reader = multiprocessing.Process(target=read_all_the_time, args=read, daemon=True)
    reader.start()
    service, began = psutil.Process(pid), time.perf_counter()
    ended, marked = 0, -MARK
    while ended < result.trials:
        ended = here.recv()
        if ended >= marked + MARK or ended >= result.trials:
            marked = ended
            result.marks.append(mark(service, ended, time.perf_counter() - began))
    result.get_ms, result.list_ms, result.bare_ms = here.recv()
    reader.join()
    bare.terminate()
    return name


def mark(service: psutil.Process, ended: int, seconds: float) -> Mark:
    cpu = service.cpu_times()
    return Mark(ended, seconds, cpu.user + cpu.system, service.memory_full_info().pss / (1 << 20))


def serve_bytes(tell: Connection) -> None:
    """Answers GET /N with N bytes, by the libraries that the service uses; tells its address."""

    async def answer(request: Request) -> Response:
        return Response(b" " * int(request.path_params["count"]), media_type="application/json")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        tell.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(Starlette(routes=[Route("/{count:int}", answer)]), access_log=False, log_config=None)
        uvicorn.Server(config).run(sockets=[listener])


def read_all_the_time(url: str, name: str, bare_url: str, trials: int, tell: Connection) -> None:
    """Get, List and the bare server in turn until so many trials have ended.

    Tells how many have after each turn, and all times at the end.
    """
    service, bare = (http.client.HTTPConnection(urlsplit(each).netloc, timeout=60) for each in (url, bare_url))
    get_ms, list_ms, bare_ms = [], [], []
    ended = 0
    while ended < trials:
        took_ms, body = timed_read(service, f"/v1/{name}")
        get_ms.append(took_ms)
        list_ms.append(timed_read(service, f"/v1/{COLLECTION}")[0])
        bare_ms.append(timed_read(bare, f"/{len(body)}")[0])
        ended = sum("endTime" in trial for trial in json.loads(body).get("trials", []))
        tell.send(ended)
        time.sleep(READ_INTERVAL_S)
    tell.send((get_ms, list_ms, bare_ms))


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
    pace = ended / (after.seconds - before.seconds)
    return f"{before.ended} to {after.ended} | {cpu_ms:.1f} ms | {pace:.1f} | {after.pss_mib:.1f} MiB"


def table(result: Result) -> str:
    lines = [
        f"{result.trials} trials of {1000 * LENGTH_S:g} ms, {result.parallel} at once, on {os.cpu_count()} CPUs.",
        "",
        "| Trials that ended | Service's CPU a trial | Trials a second | Service's memory |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {per_trial(*pair)} |" for pair in zip(result.marks, result.marks[1:], strict=False)]
    lines += ["", "| Read | Median | p99 | Reads |", "| --- | ---: | ---: | ---: |"]
    rows = {"Get": result.get_ms, "List": result.list_ms, "A server that does nothing else": result.bare_ms}
    for name, times in rows.items():
        lines.append(
            f"| {name} | {statistics.median(times):.1f} ms | {percentile(times, 0.99):.1f} ms | {len(times)} |"
        )
    lines += ["", f"After a kill -9 in the midst of it, a service answered with all of it in {result.restart_s:.2f} s."]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    arguments = parser.parse_args()
    result = measure(arguments.trials, arguments.parallel)
    print(json.dumps(asdict(result), indent=2) if arguments.json else table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
