"""The very request that Vertex AI would get, captured on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from hydra_vertex.pipelines.compiling import compile_pipeline
from hydra_vertex.pipelines.submit import submit
from hydra_vertex.trial.protocol.errors import OutputError, ServiceError


class FakeVertex(HTTPServer):
    """Vertex AI: answers a PipelineJob to every creation, or the error it was told to; keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refusal: tuple[int, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeVertex

    def do_GET(self) -> None:
        """Cloud Storage, asked whether the bucket of the pipeline root exists."""
        self.answer(200, {"kind": "storage#bucket", "name": self.path.partition("/b/")[2].partition("?")[0]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, body))
        status, answer = 200, {**body, "name": "projects/p/locations/l/pipelineJobs/run-1", "state": 2}
        if self.server.refusal:
            status, message = self.server.refusal
            answer = {"error": {"code": status, "message": message, "status": "PERMISSION_DENIED"}}
        self.answer(status, answer)

    def answer(self, status: int, document: dict[str, Any]) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVertex]:
    server = FakeVertex()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipeline") / "pipeline.json"
    compile_pipeline(path, image="gcr.io/p/i:1")
    return path


ARGUMENTS = {
    "project": "p",
    "location": "us-central1",
    "display_name": "study",
    "app_command": '["python", "train.py"]',
    "study_spec": '{"metrics": []}',
    "trial_job_spec": "{}",
    "max_trial_count": 12,
    "parallel_trial_count": 2,
    "metric": "val/loss",
}


def send(file: Path, vertex: FakeVertex, **changes: Any) -> Any:
    options = {
        "project": "p",
        "location": "us-central1",
        "pipeline_root": "gs://bucket/root",
        "display_name": "study",
        "api_endpoint": vertex.url,
        "credentials": AnonymousCredentials(),
    }
    return submit(file, ARGUMENTS, **{**options, **changes})


def test_the_request_carries_the_compiled_pipeline_and_every_argument(pipeline: Path, vertex: FakeVertex) -> None:
    sent = send(pipeline, vertex, service_account="robot@p", labels={"team": "x"})

    ((path, body),) = vertex.requests
    assert path.startswith("/v1/projects/p/locations/us-central1/pipelineJobs?pipelineJobId=tune-and-retrain-")
    received = json_format.ParseDict(body["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())
    compiled = json_format.Parse(pipeline.read_text(), pipeline_spec_pb2.PipelineSpec())
    assert received == compiled
    assert body["runtimeConfig"]["parameterValues"] == ARGUMENTS
    assert body["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/root"
    assert body["serviceAccount"] == "robot@p"
    assert body["labels"]["team"] == "x"
    assert sent.name == "projects/p/locations/l/pipelineJobs/run-1"
    assert sent.console_url.endswith("/locations/us-central1/pipelines/runs/run-1?project=p")


def test_google_s_refusal_is_one_line_with_its_own_words(pipeline: Path, vertex: FakeVertex) -> None:
    vertex.refusal = (403, "no permission aiplatform.pipelineJobs.create")

    with pytest.raises(ServiceError, match=r"Vertex AI refused the pipeline: 403 .*aiplatform\.pipelineJobs\.create"):
        send(pipeline, vertex)


def test_a_file_that_is_no_pipeline_is_refused_before_anything_is_sent(tmp_path: Path, vertex: FakeVertex) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text('{"not": "a pipeline"}')

    with pytest.raises(OutputError, match="not a pipeline that `hydra-vertex compile` wrote"):
        send(file, vertex)
    assert vertex.requests == []
