"""A fake of Vertex AI's JobService over REST, in which a strategy may have no machines. Google's client talks to it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Document = dict[str, Any]
_ENDED = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


class FakeVertex(ThreadingHTTPServer):
    """`machines` says by strategy what a job meets: `queued`, `pending`, `active` (a trial that waits for its machine),
    `stockout`, `quota` (the creation is refused), `late` (a job that succeeds when it is cancelled), `runs` (a trial
    that does not end) or `had`.

    `most_alive` is the greatest number of jobs that were alive at the same time. `on_request` gets `create`, `list`,
    `get` or `cancel` before each request is executed; a status that it returns is the answer in place of that.
    """

    daemon_threads = True

    def __init__(self, machines: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.machines = machines
        self.jobs: dict[str, Document] = {}
        self.most_alive = 0
        self.on_request: Callable[[str], int | None] = lambda _: None
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def strategies(self) -> list[str]:
        """Return the strategies of the jobs, in the order of their creation."""
        return [_strategy(job) for job in self.jobs.values()]

    def create(self, parent: str, job: Document) -> Document:
        name = f"{parent}/hyperparameterTuningJobs/{len(self.jobs) + 1}"
        self.jobs[name] = {**job, "name": name, "createTime": _now(), "updateTime": _now(), **self._first(name, job)}
        alive = [other for other in self.jobs.values() if other["state"] not in _ENDED]
        self.most_alive = max(self.most_alive, len(alive))
        return self.jobs[name]

    def meets(self, job: Document) -> str:
        return self.machines[_strategy(job)]

    def _first(self, name: str, job: Document) -> Document:
        match self.meets(job):
            case "queued":
                return {"state": "JOB_STATE_QUEUED"}
            case "runs":
                return {"state": "JOB_STATE_RUNNING", "trials": [{**_trial(name, "ACTIVE"), "customJob": ""}]}
            case "active":
                return {"state": "JOB_STATE_RUNNING", "trials": [_trial(name, "ACTIVE")]}
            case "stockout":
                message = "Resources are insufficient in region: l. Please try a different region"
                return {"state": "JOB_STATE_FAILED", "endTime": _now(), "error": {"code": 8, "message": message}}
            case "had":
                return {"state": "JOB_STATE_SUCCEEDED", "endTime": _now(), "trials": [_trial(name, "SUCCEEDED")]}
            case _:
                return {"state": "JOB_STATE_PENDING"}

    def cancel(self, job: Document) -> None:
        if job["state"] in _ENDED:
            return
        is_late = self.meets(job) == "late"
        job["state"] = "JOB_STATE_SUCCEEDED" if is_late else "JOB_STATE_CANCELLED"
        job["endTime"] = job["updateTime"] = _now()
        if is_late:
            job["trials"] = [_trial(job["name"], "SUCCEEDED")]


def _strategy(job: Document) -> str:
    """Return the name of a job's strategy; Google's client sends the numbers of enums."""
    strategy = job["trialJobSpec"]["scheduling"]["strategy"]
    return {3: "STANDARD", 4: "SPOT"}.get(strategy, strategy)


def _trial(job: str, state: str) -> Document:
    final = {"finalMeasurement": {"metrics": [{"metricId": "val/loss", "value": 0.5}]}} if state == "SUCCEEDED" else {}
    custom_job = f"{job.partition('/hyperparameterTuningJobs/')[0]}/customJobs/1"
    return {"id": "1", "state": state, "startTime": _now(), "customJob": custom_job, **final}


class _Handler(BaseHTTPRequestHandler):
    server: FakeVertex

    def do_HEAD(self) -> None:
        self._answer(404, {})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = url.path.removeprefix("/v1/")
        with self.server.lock:
            if "/customJobs/" not in path and self._is_refused("get" if path in self.server.jobs else "list"):
                return
            if path in self.server.jobs:
                self._answer(200, self.server.jobs[path])
            elif "/customJobs/" in path:
                self._answer(200, {"name": path, "state": "JOB_STATE_PENDING"})
            else:
                wanted = re.findall(r'labels\.(\w+)="([^"]*)"', parse_qs(url.query).get("filter", [""])[0])
                parent = path.removesuffix("/hyperparameterTuningJobs")
                self._answer(200, {"hyperparameterTuningJobs": list(self._found(parent, wanted))})

    def _found(self, parent: str, wanted: list[tuple[str, str]]) -> Iterator[Document]:
        for name, job in reversed(self.server.jobs.items()):
            if name.startswith(f"{parent}/") and all(job["labels"].get(key) == value for key, value in wanted):
                yield job

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        path = urlsplit(self.path).path.removeprefix("/v1/")
        with self.server.lock:
            if self._is_refused("cancel" if path.endswith(":cancel") else "create"):
                return
            if path.endswith(":cancel"):
                self.server.cancel(self.server.jobs[path.removesuffix(":cancel")])
                self._answer(200, {})
            elif self.server.meets(body) == "quota":
                message = "The following quota metrics exceed quota limits: custom_model_training_nvidia_l4_gpus"
                self._answer(429, {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED"}})
            else:
                self._answer(200, self.server.create(path.removesuffix("/hyperparameterTuningJobs"), body))

    def _is_refused(self, kind: str) -> bool:
        status = self.server.on_request(kind)
        if status is not None:
            self._answer(status, {"error": {"code": status, "message": "not now"}})
        return status is not None

    def _answer(self, status: int, document: Document) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def fake_vertex(machines: Mapping[str, str]) -> Iterator[FakeVertex]:
    """Serve until the block ends."""
    with FakeVertex(machines) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
