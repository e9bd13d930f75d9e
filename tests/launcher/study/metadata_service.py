"""Google's MetadataService on loopback, as far as experiments need it: its REST methods, contexts in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Metadata:
    """The content of the service. `refuse` is the HTTP status of every answer; None for a service that works."""

    url: str = ""
    stores: set[str] = field(default_factory=set)
    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refuse: int | None = None

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        """Answer one request: HTTP status and JSON."""
        self.calls.append(f"{method} {path.partition('/locations/')[2]}")
        name = path.removeprefix("/v1/")
        if self.refuse:
            return self.refuse, error(self.refuse, "refused")
        if name.endswith("/metadataStores"):
            store = f"{name}/{query['metadataStoreId'][0]}"
            self.stores.add(store)
            return 200, {"name": f"{store}/operations/1", "done": True, "response": typed("MetadataStore", name=store)}
        if "/contexts" not in name:
            return (200, {"name": name}) if name in self.stores else (404, error(404, f"no store {name}"))
        if name.endswith("/contexts"):
            return self._create(f"{name}/{query['contextId'][0]}", body)
        if name.endswith(":addContextChildren"):
            parent = name.removesuffix(":addContextChildren")
            known = self.children.setdefault(parent, [])
            known += [child for child in body["childContexts"] if child not in known]
            return 200, {}
        if name not in self.contexts:
            return 404, error(404, f"no context {name}")
        if method == "PATCH":
            assert query["updateMask"] == ["metadata"]
            self.contexts[name]["metadata"] = body["metadata"]
        return 200, self.contexts[name]

    def _create(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        if name in self.contexts:
            return 409, error(409, "exists")
        self.contexts[name] = {**body, "name": name, "etag": "1"}
        return 200, self.contexts[name]


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.cloud.aiplatform.v1.{kind}", **fields}


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message}}


@contextmanager
def metadata_service() -> Iterator[Metadata]:
    """Serve an empty metadata store collection."""
    state = Metadata()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = state.answer(
                self.command, parts.path, parse_qs(parts.query), json.loads(body) if body else {}
            )
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the names that http.server prescribes

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of http.server
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
