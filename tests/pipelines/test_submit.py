"""Checks the request that Vertex AI would receive, with a fake of Vertex AI on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiler import compile_pipeline
from hydra_vertex.pipelines.submit import submit
from hydra_vertex.protocol.errors import OutputError, ServiceError, UserError
from pipelines.apps import make_project


class FakeVertex(HTTPServer):
    """A fake of Vertex AI: answers every creation with a PipelineJob, or with `refusal`; records the requests."""

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
        """Answer as Cloud Storage: the SDK asks whether the bucket of the pipeline root exists."""
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


OPTIONS = {"project": "p", "location": "us-central1", "pipeline_root": "gs://bucket/runs", "display_name": "study"}


def send(file: Path, vertex: FakeVertex, **changes: Any) -> Any:
    return submit(
        file,
        ARGUMENTS,
        **{**OPTIONS, "api_endpoint": vertex.url, "credentials": AnonymousCredentials(), **changes},
    )


def test_the_request_carries_the_compiled_pipeline_and_every_argument(pipeline: Path, vertex: FakeVertex) -> None:
    sent = send(pipeline, vertex, service_account="robot@p", labels={"team": "x"})

    ((path, body),) = vertex.requests
    assert path.startswith("/v1/projects/p/locations/us-central1/pipelineJobs?pipelineJobId=tune-and-retrain-")
    received = json_format.ParseDict(body["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())
    compiled = json_format.Parse(pipeline.read_text(), pipeline_spec_pb2.PipelineSpec())
    assert received == compiled
    assert body["runtimeConfig"]["parameterValues"] == ARGUMENTS
    assert body["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/runs"
    assert body["serviceAccount"] == "robot@p"
    assert body["labels"]["team"] == "x"
    assert body["displayName"] == "study"
    assert sent.name == "projects/p/locations/l/pipelineJobs/run-1"
    assert sent.console_url.endswith("/locations/us-central1/pipelines/runs/run-1?project=p")


@pytest.mark.parametrize(
    ("enable_caching", "tune", "select_best"),
    [
        (None, {}, {"enableCache": True}),
        (False, {"enableCache": False}, {"enableCache": False}),
        (True, {"enableCache": True}, {"enableCache": True}),
    ],
)
def test_caching_is_as_compiled_unless_it_is_given(
    pipeline: Path, vertex: FakeVertex, enable_caching: bool | None, tune: object, select_best: object
) -> None:
    send(pipeline, vertex, enable_caching=enable_caching)

    tasks = vertex.requests[0][1]["pipelineSpec"]["root"]["dag"]["tasks"]
    assert (tasks["tune"]["cachingOptions"], tasks["select-best"]["cachingOptions"]) == (tune, select_best)


def test_a_refusal_by_google_is_one_line_with_its_message(pipeline: Path, vertex: FakeVertex) -> None:
    vertex.refusal = (403, "no permission aiplatform.pipelineJobs.create")

    with pytest.raises(
        ServiceError, match=r"refused the pipeline: 403 .*pipelineJobs\.create; .*roles/aiplatform\.user"
    ):
        send(pipeline, vertex)


def test_a_service_that_does_not_answer_is_named(pipeline: Path, vertex: FakeVertex) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceError, match="Vertex AI does not answer"):
            send(pipeline, vertex, api_endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}")


def test_missing_credentials_are_reported_with_the_command_that_creates_them(
    pipeline: Path, vertex: FakeVertex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    with pytest.raises(ServiceError, match="gcloud auth application-default login"):
        send(pipeline, vertex, credentials=None, api_endpoint="https://127.0.0.1:9")
    assert vertex.requests == []


def test_invalid_arguments_are_refused_before_anything_is_sent(pipeline: Path, vertex: FakeVertex) -> None:
    with pytest.raises(
        UserError, match="the pipeline tune-and-retrain has no parameter trials; it has aliases, api_endpoint, app"
    ):
        submit(pipeline, {**ARGUMENTS, "trials": 3}, **OPTIONS)
    with pytest.raises(UserError, match="the pipeline tune-and-retrain needs a value for app_command, display_name"):
        submit(pipeline, {"project": "p"}, **OPTIONS)
    with pytest.raises(UserError, match="pipeline root runs/x: expected a folder in a bucket"):
        send(pipeline, vertex, pipeline_root="runs/x")
    assert vertex.requests == []


@pytest.mark.parametrize("content", ['{"not": "a pipeline"}', "a: [", "[]", ""])
def test_a_file_that_is_not_a_pipeline_is_refused_before_anything_is_sent(
    tmp_path: Path, vertex: FakeVertex, content: str
) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(content)

    with pytest.raises(OutputError, match=r"pipeline\.json: not (JSON|a compiled pipeline).*`hydra-vertex compile"):
        send(file, vertex)
    with pytest.raises(OutputError, match=r"none\.json: cannot be read as a compiled pipeline \(No such file"):
        send(tmp_path / "none.json", vertex)
    assert vertex.requests == []


def test_the_command_checks_the_plan_and_sends_it_and_prints_the_job(
    pipeline: Path,
    vertex: FakeVertex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    where = ("--project", "p", "--location", "us-central1", "--root", "gs://bucket/runs")
    options = ("--search", "search.yaml", "--image", "gcr.io/p/i:1", "--api-endpoint", vertex.url, "--json")

    code = main(["submit", str(pipeline), *where, *options, "--", "python", "app.py"])

    out, err = capfd.readouterr()
    assert code == 0, err
    assert json.loads(out)["name"] == "projects/p/locations/l/pipelineJobs/run-1"
    values = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    assert json.loads(values["app_command"]) == ["python", "app.py", "++optimized_metric=val/loss"]
    assert json.loads(values["trial_job_spec"])["baseOutputDirectory"] == {"outputUriPrefix": "gs://bucket/runs/trials"}
    assert (values["max_trial_count"], values["parallel_trial_count"], values["metric"]) == (4, 2, "val/loss")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (("--root", "runs"), "--root runs: expected a folder in a bucket"),
        (("--api-endpoint", "http://example.com"), "plain http is allowed only on this machine"),
        (("--trials", "1", "--parallel", "2"), "2 parallel trials of 1 in total"),
    ],
)
def test_the_command_refuses_invalid_options_before_anything_is_sent(
    pipeline: Path,
    vertex: FakeVertex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    changes: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    where = ("--project", "p", "--location", "l", "--root", "gs://b/r", "--image", "i", "--api-endpoint", vertex.url)

    code = main(["submit", str(pipeline), *where, "--search", "search.yaml", *changes, "--", "python", "app.py"])

    assert code == 2
    assert says in capfd.readouterr().err
    assert vertex.requests == []
