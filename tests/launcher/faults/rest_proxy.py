"""A proxy for HTTP in front of a tuning service that injects faults (`python -m launcher.faults.rest_proxy`)."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from launcher.faults.plan import Fault, Injected, Plan

STATUSES = (429, 500, 502, 503, 504, 401)
LATE_S = 0.9
"""Later than the client's limit of one request."""


class RestProxy(ThreadingHTTPServer):
    """Forwards to the service on `port`. `late` counts the requests that are still to be forwarded."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, port: int, seed: int, log: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()
        self.port = port
        self.plan = Plan(seed, log)
        self.lock = threading.Lock()
        self.unauthenticated = False

    def handle_error(self, *_: object) -> None:
        """Print nothing: a client that gives up is part of the test."""

    def injected(self) -> Injected:
        with self.lock:
            return self.plan.next()

    def status_of(self, injected: Injected) -> int:
        """Return the status of an error; 401 at most once, because a second one is final."""
        with self.lock:
            status = STATUSES[injected.code % len(STATUSES)]
            if status == 401 and self.unauthenticated:
                return 503
            self.unauthenticated = self.unauthenticated or status == 401
            return status


class _Handler(BaseHTTPRequestHandler):
    server: RestProxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, *_: object) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        injected = self.server.injected()
        match injected.fault:
            case Fault.NONE:
                self._answer(*self._forwarded(body))
            case Fault.DROPPED_BEFORE:
                self._drop()
            case Fault.DROPPED_AFTER:
                self._forwarded(body)
                self._drop()
            case Fault.LATE:
                time.sleep(LATE_S)
                self._answer(*self._forwarded(body))
            case Fault.SLOW:
                answer = self._forwarded(body)
                time.sleep(LATE_S)
                self._answer(*answer)
            case Fault.TWICE:
                self._forwarded(body)
                self._answer(*self._forwarded(body))
            case Fault.ERROR_BEFORE:
                self._answer(self.server.status_of(injected), b'{"error": {"message": "injected"}}')
            case Fault.ERROR_AFTER:
                self._forwarded(body)
                status = self.server.status_of(injected)
                self._answer(503 if status == 401 else status, b"injected")
            case Fault.TRUNCATED:
                status, answer_body = self._forwarded(body)
                self._answer(status, answer_body[: len(answer_body) // 2], len(answer_body))
                self._drop()
            case Fault.GARBAGE:
                self._forwarded(body)
                self._answer(200, (b"<html>", b"[]", b'{"name": 5', b"\xff\xfe", b"")[injected.code % 5])

    def _forwarded(self, body: bytes) -> tuple[int, bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        kept = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection", "content-length"}}
        upstream.request(self.command, self.path, body or None, {**kept, "Connection": "close"})
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        return answer.status, content

    def _answer(self, status: int, body: bytes, length: int | None = None) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
