"""Runs the tuning step behind a proxy that injects faults, and checks that exactly one job is left.

Each run forks from this process, which has imported Google's client once. `python -m launcher.faults.runs --help`.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from launcher.steps.inputs import executor_input

RUN_LIMIT_S = 60.0
KINDS = ("end", "stop", "kill")
"""The step runs to its end, is stopped by SIGTERM, or is killed and started again."""
METRIC_LINE = '{"val/loss": "0.5", "global_step": "1", "trial": "1", "timestamp": 0}'
TRIAL = f"sleep 1.5; printf '%s\\n' '{METRIC_LINE}' > $CLOUD_ML_HP_METRIC_FILE"


@dataclass(frozen=True, slots=True)
class Service:
    """The addresses of the service behind the proxy. `grpc` is `host:port`."""

    url: str
    grpc: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in one run. `problems` is empty when exactly one job is left, or none after a stop.

    `faults` has the name of the fault of each request, NONE included; `restarts` is the number of times that the step
    was killed and started again.
    """

    kind: str
    restarts: int
    exit_code: int
    faults: list[str]
    problems: list[str]


def run(service: Service, seed: int, *, over_grpc: bool) -> Outcome:
    """Run one seed."""
    rng = random.Random(seed)  # noqa: S311 - test data
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        faults = folder / "faults"
        faults.touch()
        kind = rng.choice(KINDS)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ports = os.pipe()
            proxy = forked(lambda: _serve_proxy(service, seed, listener, ports[1], faults, over_grpc=over_grpc))
            port = int(os.read(ports[0], 16))
            os.close(ports[0])
            os.close(ports[1])
            try:
                codes = _codes(rng, kind, lambda: forked(lambda: _step(folder, seed, port, over_grpc=over_grpc)))
                time.sleep(1.0)  # requests that the proxy still holds
                jobs = _jobs(service, _project(seed, over_grpc=over_grpc))
            finally:
                os.kill(proxy, signal.SIGKILL)
                os.waitpid(proxy, 0)
        log = (folder / "stderr").read_text(errors="replace")
        problems = _problems(codes, jobs, log, folder)
        return Outcome(kind, len(codes) - 1, codes[-1], faults.read_text().split(), problems)


def _codes(rng: random.Random, kind: str, start: Callable[[], int]) -> list[int]:
    """Run the step to its end, stop it by SIGTERM, or kill it and start it again. Return the exit codes."""
    codes = []
    for _ in range(rng.randint(1, 2) if kind == "kill" else 0):
        codes.append(ended(start(), signal.SIGKILL, rng.uniform(0, 2.0)))
    codes.append(ended(start(), signal.SIGTERM if kind == "stop" else None, rng.uniform(0, 2.0)))
    return codes


def ended(child: int, signum: int | None, after_s: float) -> int:
    """Send the signal after some seconds, and return the exit code; negative for a signal, 99 for a hang."""
    begin = time.monotonic()
    while time.monotonic() - begin < RUN_LIMIT_S:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if signum is not None and time.monotonic() - begin >= after_s:
            os.kill(child, signum)
            signum = None
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 99


def _problems(codes: list[int], jobs: list[dict[str, Any]], log: str, folder: Path) -> list[str]:
    left = [job for job in jobs if job["state"] not in {"JOB_STATE_CANCELLED", "JOB_STATE_CANCELLING"}]
    problems = []
    if "Traceback" in log:
        problems.append("traceback")
    # A signal before the step handles it, or after its job has ended, ends the process as usual.
    if codes[-1] not in {0, 130, -signal.SIGTERM} or 99 in codes:
        problems.append(f"exit codes {codes}")
    if codes[-1] == 0:
        finished = json.loads((folder / "job").read_text())["name"]
        if [(job["name"], job["state"]) for job in left] != [(finished, "JOB_STATE_SUCCEEDED")]:
            problems.append(f"the step finished {finished}, left are {[(j['name'], j['state']) for j in left]}")
    elif len(left) > 1 or any(job["state"] != "JOB_STATE_SUCCEEDED" for job in left):
        problems.append(f"stopped, and left are {[(job['name'], job['state']) for job in left]}")
    return [f"{problem} (log: {log[-600:]})" for problem in problems]


def _jobs(service: Service, project: str) -> list[dict[str, Any]]:
    url = f"{service.url}/v1/projects/{project}/locations/l/hyperparameterTuningJobs"
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - a loopback address
        return list(json.load(answer).get("hyperparameterTuningJobs", []))


def forked(run_child: Callable[[], None]) -> int:
    """Run a function in a forked process. Returns its process id."""
    child = os.fork()
    if child:
        return child
    code = 98
    try:
        run_child()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 97
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _project(seed: int, *, over_grpc: bool) -> str:
    return f"{'g' if over_grpc else 'r'}{seed}"


def _serve_proxy(
    service: Service, seed: int, listener: socket.socket, ports: int, log: Path, *, over_grpc: bool
) -> None:
    if over_grpc:
        from launcher.faults.grpc_proxy import start_grpc_proxy

        server, port = start_grpc_proxy(int(service.grpc.rpartition(":")[2]), seed, log)
        os.write(ports, str(port).encode())
        server.wait_for_termination()
        return
    from launcher.faults.rest_proxy import RestProxy

    os.write(ports, str(listener.getsockname()[1]).encode())
    RestProxy(listener, service.port, seed, log).serve_forever()


def _step(folder: Path, seed: int, port: int, *, over_grpc: bool) -> None:
    from hydra_vertex.launcher.steps.step import run_step

    with (folder / "stderr").open("a") as errors:
        os.dup2(errors.fileno(), 2)
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115 - for the life of the process
    counts = {"max_trial_count": 1.0, "parallel_trial_count": 1.0}
    project, url = _project(seed, over_grpc=over_grpc), f"http://127.0.0.1:{port}"
    text = executor_input(folder, url, ["/bin/sh", "-c", TRIAL], project=project, **counts)
    step = functools.partial(_tune, port=port, over_grpc=over_grpc)
    raise SystemExit(run_step("tune", step, ["--executor_input", text]))


def _tune(given: Any, port: int, *, over_grpc: bool) -> None:
    from hydra_vertex.job import save_job
    from hydra_vertex.launcher.steps import tune
    from hydra_vertex.launcher.study import watch
    from hydra_vertex.launcher.study.client import VertexJobService
    from hydra_vertex.launcher.study.retry import RetryLimits
    from hydra_vertex.launcher.study.stop_signals import StopSignals

    watch.POLL_LOCAL_S = 0.1
    limits = RetryLimits(total_s=30.0, late_s=1.5, request_s=0.6, first_wait_s=0.05, longest_wait_s=0.3)
    with StopSignals().armed() as signals:
        service = VertexJobService(_client(port, over_grpc=over_grpc), limits, signals.check)
        job = tune.TuningRun(given, service, signals, limits).finished_job()
    save_job(job, given.outputs["job"].path)


def _client(port: int, *, over_grpc: bool) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform_v1

    if not over_grpc:
        return aiplatform_v1.JobServiceClient(
            client_options={"api_endpoint": f"http://127.0.0.1:{port}"},
            transport="rest",
            credentials=AnonymousCredentials(),
        )
    import grpc
    from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceGrpcTransport

    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    return aiplatform_v1.JobServiceClient(transport=JobServiceGrpcTransport(channel=channel))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--transport", choices=("rest", "grpc"), required=True)
    parser.add_argument("--seeds", type=int, nargs=2, required=True, metavar=("FIRST", "END"))
    parser.add_argument("--json", action="store_true", help="print one JSON object for each run")
    arguments = parser.parse_args()
    import google.cloud.aiplatform_v1  # noqa: F401 - once, before the forks

    import hydra_vertex.launcher.steps.tune  # noqa: F401

    gc.freeze()
    wrong = 0
    for seed in range(*arguments.seeds):
        outcome = run(Service(arguments.url, arguments.grpc), seed, over_grpc=arguments.transport == "grpc")
        wrong += bool(outcome.problems)
        if arguments.json:
            print(json.dumps(asdict(outcome)), flush=True)
        for problem in () if arguments.json else outcome.problems:
            print(f"seed {seed} {arguments.transport}: {problem}", flush=True)
    if not arguments.json:
        print(f"{arguments.seeds[1] - arguments.seeds[0] - wrong} right, {wrong} wrong", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
