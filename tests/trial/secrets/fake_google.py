"""The metadata server and Secret Manager on one loopback port, with the paths, headers and bodies of Google's."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "ya29.token-of-the-metadata-server"  # noqa: S105 - of the fake
METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


@dataclass
class FakeGoogle:
    """`secrets` by the names of their versions; the next requests of `failures` get these statuses."""

    address: str = ""
    secrets: dict[str, bytes] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    redirect_to: str = ""
    truncated: int = 0
    """The number of next answers that lose their last byte."""

    @property
    def environ(self) -> dict[str, str]:
        """The variables with which a trial uses the fakes."""
        return {
            "GCE_METADATA_HOST": self.address,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": f"http://{self.address}/",
            "CLOUDSDK_CONFIG": "/nonexistent",
        }


@contextmanager
def serving_google() -> Iterator[FakeGoogle]:
    google = FakeGoogle()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"google": google}))
    google.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield google
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    google: FakeGoogle

    def do_GET(self) -> None:
        """Answer as Google does: https://cloud.google.com/secret-manager/docs/reference/rest."""
        google = self.google
        google.requests.append(self.path)
        if google.failures:
            return self.refuse(google.failures.pop(0), "Try again.")
        if google.redirect_to:
            self.send_response(302)
            self.send_header("Location", google.redirect_to)
            return self.end_headers()
        if self.path == METADATA_PATH:
            if self.headers["Metadata-Flavor"] != "Google":
                return self.refuse(403, "Missing Metadata-Flavor header.")
            return self.answer({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})
        name = self.path.removeprefix("/v1/").removesuffix(":access")
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.refuse(401, "Request had invalid authentication credentials.")
        if name not in google.secrets:
            return self.refuse(404, f"Secret [{name}] not found or has no versions.")
        data = base64.b64encode(google.secrets[name]).decode()
        return self.answer({"name": name, "payload": {"data": data, "dataCrc32c": "1"}})

    def refuse(self, code: int, message: str) -> None:
        self.answer({"error": {"code": code, "message": message, "status": "NOT_FOUND"}}, code)

    def answer(self, document: object, code: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        is_truncated = self.google.truncated > 0
        self.google.truncated -= is_truncated
        self.wfile.write(body[:-1] if is_truncated else body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""
