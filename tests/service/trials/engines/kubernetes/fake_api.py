"""A server with the few requests of the Kubernetes API that creating objects and reading logs need."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from hydra_vertex.service.trials.engines.kubernetes.api import Cluster
from hydra_vertex.service.trials.engines.kubernetes.connection import connect
from hydra_vertex.service.trials.engines.kubernetes.settings import parse_settings


@dataclass
class FakeApi:
    """What the server has. `refusals` are answers, by kind, to the next creations; `log` is that of every Pod.

    `metrics` is the answer of the resource metrics API: a status and PodMetrics.
    """

    port: int = 0
    objects: list[dict[str, Any]] = field(default_factory=list)
    refusals: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    log: bytes = b""
    clock_offset_s: float = 0.0
    metrics: tuple[int, list[dict[str, Any]]] = (404, [])

    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.objects]

    def cluster(self, folder: Path) -> Cluster:
        path = folder / "kubeconfig"
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "c"}}
        document = {"clusters": [cluster], "contexts": [context], "users": [{"name": "c", "user": {}}]}
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", **document}))
        return Cluster(connect(parse_settings({"kubeconfig": str(path)})))

    def create(self, document: dict[str, Any]) -> tuple[int, bytes]:
        refusals = self.refusals.get(document["kind"], [])
        if refusals:
            status, message = refusals.pop(0)
            return status, json.dumps({"kind": "Status", "message": message, "code": status}).encode()
        if document["metadata"]["name"] in self.names():
            return 409, b'{"kind": "Status", "reason": "AlreadyExists", "message": "it exists"}'
        document["metadata"]["uid"] = f"uid-{len(self.objects)}"
        self.objects.append(document)
        return 201, json.dumps(document).encode()

    def read(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        last = path.rsplit("/", 1)[-1]
        if last == "log":
            lines = self.log.splitlines(keepends=True)
            begin = query.get("sinceTime", [""])[0].rstrip("Z").encode()
            return 200, b"".join(line for line in lines if line[:19] >= begin)[: int(query["limitBytes"][0])]
        if path.startswith("/apis/metrics.k8s.io/v1beta1/"):
            status, items = self.metrics
            return status, json.dumps({"kind": "PodMetricsList", "items": items}).encode()
        if last == "pods":
            pods = [item for item in self.objects if item["kind"] == "Pod"]
            return 200, json.dumps({"kind": "PodList", "items": pods}).encode()
        if last == "jobs":
            jobs = [item for item in self.objects if item["kind"] == "Job"]
            return 200, json.dumps({"kind": "JobList", "items": jobs}).encode()
        found = [item for item in self.objects if item["metadata"]["name"] == last]
        return (200, json.dumps(found[0]).encode()) if found else (200, b'{"kind": "List", "items": []}')


@contextmanager
def fake_api() -> Iterator[FakeApi]:
    """Serve while the block runs."""
    api = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer(*api.create(json.loads(self.rfile.read(length))))

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self._answer(*api.read(url.path, parse_qs(url.query)))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(int(time.time() + api.clock_offset_s))

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
