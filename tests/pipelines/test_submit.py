"""Checks the request that Vertex AI would receive, with a fake of Vertex AI on loopback."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from hydra_vertex.cli.main import main
from hydra_vertex.job.preference import PREFER_LABEL
from hydra_vertex.launcher.steps.tune_input import requested_job
from hydra_vertex.pipelines.compiled_pipeline import read_pipeline
from hydra_vertex.pipelines.compiler import compile_pipeline
from hydra_vertex.pipelines.pipeline_settings import PipelineSettings, Schedule, require_settings
from hydra_vertex.pipelines.submit import Submitted, Target, console_url, create, submit
from hydra_vertex.protocol.errors import OutputError, ServiceError, UserError
from hydra_vertex.protocol.executor import Artifact, ExecutorInput
from json_schemas import printed_document
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
        kind, state = ("schedules", 1) if "/schedules" in self.path else ("pipelineJobs", 2)
        status, answer = 200, {**body, "name": f"projects/p/locations/l/{kind}/run-1", "state": state}
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


@contextmanager
def serving_vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVertex]:
    """Serve Vertex AI and Cloud Storage during the block."""
    server = FakeVertex()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVertex]:
    with serving_vertex(monkeypatch) as server:
        yield server


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


KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
BOARD = "projects/p/locations/europe-west4/tensorboards/1"
ATTACHMENT = "projects/p/regions/europe-west4/networkAttachments/n"
TARGET = Target("p", "us-central1", "gs://bucket/runs")


def send(file: Path, vertex: FakeVertex, target: Target = TARGET, **options: Any) -> Submitted:
    sent_to = dataclasses.replace(
        target, api_endpoint=target.api_endpoint or vertex.url, credentials=AnonymousCredentials()
    )
    return submit(file, ARGUMENTS, sent_to, **{"display_name": "study", **options})


def submit_study(file: Path, vertex: FakeVertex, *options: str) -> int:
    """Run `hydra-vertex submit` in a project, and return its exit code. A later option replaces an earlier one."""
    where = ("--project", "p", "--location", "us-central1", "--root", "gs://b/r", "--api-endpoint", vertex.url)
    study = ("--image", "i", "--search", "search.yaml", *options, "--", "python", "app.py")
    return main(["submit", str(file), *where, *study])


def test_the_request_carries_the_compiled_pipeline_and_every_argument(pipeline: Path, vertex: FakeVertex) -> None:
    sent = send(pipeline, vertex, settings=PipelineSettings(service_account="robot@p", labels={"team": "x"}))

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
    assert sent.console_url == ""
    assert sent.notices == ("gs://bucket/runs is the folder gcs/bucket/runs of the service; no bucket is used",)


@pytest.mark.parametrize("given", [None, "example.com"])
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_service_on_this_machine_is_reached_without_the_proxy_of_the_environment(
    pipeline: Path, vertex: FakeVertex, monkeypatch: pytest.MonkeyPatch, name: str, given: str | None
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    if given:
        monkeypatch.setenv("NO_PROXY", given)

    assert send(pipeline, vertex).name == "projects/p/locations/l/pipelineJobs/run-1"

    assert (os.environ.get("no_proxy"), os.environ.get("NO_PROXY")) == (None, given)


@pytest.mark.parametrize(("collection", "page"), [("pipelineJobs", "runs"), ("schedules", "schedules")])
def test_the_page_of_a_job_and_of_a_schedule_is_that_of_googles_sdk(collection: str, page: str) -> None:
    found = console_url(f"projects/1/locations/us-central1/{collection}/x-1", TARGET)

    assert found == f"https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/{page}/x-1?project=p"


FAIL_FAST = 2  # PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST
FIELDS = PipelineSettings(
    service_account="robot@p",
    network="projects/1/global/networks/n",
    encryption_key="projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
    labels={"team": "x"},
    failure_policy="fast",
)


def test_every_setting_is_a_field_of_the_pipeline_job(pipeline: Path, vertex: FakeVertex) -> None:
    send(pipeline, vertex, settings=dataclasses.replace(FIELDS, reserved_ip_ranges=("range-1",)))

    ((_, body),) = vertex.requests
    assert expected_fields(body) == body
    assert body["reservedIpRanges"] == ["range-1"]


def test_a_schedule_has_the_same_pipeline_job(pipeline: Path, vertex: FakeVertex) -> None:
    schedule = Schedule("TZ=Europe/Berlin 0 3 * * 1", max_concurrent_runs=2, max_runs=7, queues=True)
    target = dataclasses.replace(TARGET, api_endpoint=vertex.url)

    sent = create(read_pipeline(pipeline), ARGUMENTS, target, display_name="study", settings=FIELDS, schedule=schedule)

    ((path, body),) = vertex.requests
    assert path.startswith("/v1/projects/p/locations/us-central1/schedules")
    assert sent.name == "projects/p/locations/l/schedules/run-1"
    job = body["createPipelineJobRequest"]["pipelineJob"]
    assert expected_fields(job) == job
    assert job["runtimeConfig"]["parameterValues"] == ARGUMENTS
    assert body["cron"] == "TZ=Europe/Berlin 0 3 * * 1"
    assert (body["maxConcurrentRunCount"], body["maxRunCount"], body["allowQueueing"]) == ("2", "7", True)


def expected_fields(body: dict[str, Any]) -> dict[str, Any]:
    """The document with the fields of FIELDS as the API names them."""
    runtime = {**body["runtimeConfig"], "failurePolicy": FAIL_FAST}
    return {
        **body,
        "serviceAccount": FIELDS.service_account,
        "network": FIELDS.network,
        "encryptionSpec": {"kmsKeyName": FIELDS.encryption_key},
        "labels": {**body["labels"], "team": "x"},
        "runtimeConfig": runtime,
    }


@pytest.mark.parametrize(
    ("settings", "schedule", "endpoint", "says"),
    [
        (
            PipelineSettings(encryption_key="projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"),
            None,
            "",
            "--encryption-key .*: the key must be in the location of the pipeline, us-central1",
        ),
        (PipelineSettings(experiment="My_Runs"), None, "", "--experiment My_Runs: expected 1 to 128 lowercase"),
        (PipelineSettings(), Schedule("every day"), "", "--cron every day: expected minute, hour"),
        (PipelineSettings(), Schedule("0 3 * *"), "", "--cron .*: expected minute, hour"),
        (PipelineSettings(experiment="runs"), Schedule("0 3 * * 1"), "", "--experiment runs: a schedule's runs cannot"),
        (PipelineSettings(reserved_ip_ranges=("r",)), Schedule("0 3 * * 1"), "", "--reserved-ip-range r: a schedule"),
        (PipelineSettings(experiment="runs"), None, "http://127.0.0.1:9", "embedded service has no experiments"),
        (PipelineSettings(), Schedule("0 3 * * 1"), "http://127.0.0.1:9", "embedded service has no schedules"),
    ],
)
def test_settings_that_cannot_be_had_are_refused_by_name(
    settings: PipelineSettings, schedule: Schedule | None, endpoint: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        require_settings(settings, schedule, "us-central1", endpoint)


def test_settings_that_can_be_had_are_accepted() -> None:
    schedule = Schedule("CRON_TZ=America/New_York */5 1-3 * JAN,FEB MON")
    require_settings(FIELDS, schedule, "us-central1", "")
    require_settings(PipelineSettings(experiment="runs-1"), None, "us-central1", "https://example.com")
    require_settings(FIELDS, None, "us-central1", "http://127.0.0.1:9")


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
    send(pipeline, vertex, settings=PipelineSettings(caching=enable_caching))

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
            send(
                pipeline, vertex, Target("p", "us-central1", "gs://b/r", f"http://127.0.0.1:{unused.getsockname()[1]}")
            )


def test_a_location_that_does_not_exist_is_refused(pipeline: Path, vertex: FakeVertex) -> None:
    with pytest.raises(UserError, match="--location nowhere: Vertex AI has no such region"):
        send(pipeline, vertex, Target("p", "nowhere", "gs://b/r"))
    assert vertex.requests == []


def test_missing_credentials_are_reported_with_the_command_that_creates_them(
    pipeline: Path, vertex: FakeVertex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    with pytest.raises(ServiceError, match="gcloud auth application-default login"):
        submit(pipeline, ARGUMENTS, Target("p", "us-central1", "gs://b/r", "https://127.0.0.1:9"), display_name="study")
    assert vertex.requests == []


def test_invalid_arguments_are_refused_before_anything_is_sent(pipeline: Path, vertex: FakeVertex) -> None:
    with pytest.raises(
        UserError,
        match=r"the pipeline tune-and-retrain has no parameter trials; it has aliases, api_.*compile it again",
    ):
        submit(pipeline, {**ARGUMENTS, "trials": 3}, TARGET, display_name="study")
    with pytest.raises(UserError, match="the pipeline tune-and-retrain needs a value for app_command, display_name"):
        submit(pipeline, {"project": "p"}, TARGET, display_name="study")
    with pytest.raises(UserError, match="pipeline root runs/x: expected a folder in a bucket"):
        send(pipeline, vertex, Target("p", "l", "runs/x"))
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
    assert printed_document(out)["name"] == "projects/p/locations/l/pipelineJobs/run-1"
    values = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    assert json.loads(values["app_command"]) == ["python", "app.py", "++optimized_metric=val/loss"]
    assert values["study_root"] == "gs://bucket/runs"
    assert "baseOutputDirectory" not in json.loads(values["trial_job_spec"])
    assert (values["max_trial_count"], values["parallel_trial_count"], values["metric"]) == (4, 2, "val/loss")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {}),
        (("--attach",), {"attach": "attach"}),
        (("--reuse", "--detach"), {"attach": "reuse", "on_stop": "detach"}),
    ],
)
def test_what_a_pipeline_does_with_an_equal_study_and_when_it_is_cancelled_is_sent(
    pipeline: Path,
    vertex: FakeVertex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    expected: dict[str, str],
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)

    assert submit_study(pipeline, vertex, "--no-check", *options) == 0

    values = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    assert {name: values[name] for name in ("attach", "on_stop") if name in values} == expected


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (("--root", "runs"), "--root runs: expected a folder in a bucket"),
        (("--api-endpoint", "http://example.com"), "plain http is allowed only on this machine"),
        (("--trials", "1", "--parallel", "2"), "2 parallel trials of 1 in total"),
        (("--trial-location", "us-centrall1"), "--trial-location us-centrall1: Vertex AI has no such region"),
        (("--location", "us-centrall1", "--no-check"), "--location us-centrall1: Vertex AI has no such region"),
        (("--on-missed-threshold", "skip-retraining"), "there is no threshold; give --metric-threshold too"),
        (("--service-account", "me"), "--service-account me: expected an address such as"),
        (
            ("--encryption-key", KEY, "--trial-location", "us-east1"),
            "and a tuning job in us-east1 needs one in us-east1",
        ),
        (
            ("--tensorboard", BOARD, "--service-account", "a@p"),
            "it is in europe-west4, and a tuning job in us-central1",
        ),
        (("--network-attachment", ATTACHMENT), "it is in europe-west4, and a tuning job in us-central1 needs one in"),
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

    code = submit_study(pipeline, vertex, *changes)

    assert code == 2
    assert says in capfd.readouterr().err
    assert vertex.requests == []


def test_the_prices_the_limits_and_the_ladder_reach_the_pipeline_and_the_estimate_is_printed(
    pipeline: Path,
    vertex: FakeVertex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    money = ("--hourly-price", "n1-standard-4@spot=1 EUR", "--hourly-price", "3", "--max-cost", "2")
    machines = (
        "--strategy",
        "spot,on-demand",
        "--trial-location",
        "europe-west4",
        "--trial-location",
        "us-east1",
        "--max-wait",
        "10m",
    )
    options = (*money, *machines, "--trial-duration", "1h", "--provisioning", "0", "--json", "--no-check")

    code = submit_study(pipeline, vertex, *options)

    out, err = capfd.readouterr()
    assert code == 0, err
    values = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    assert values["max_cost"] == "2.0"
    assert "max_worker_hours" not in values
    assert json.loads(values["hourly_prices"])["currency"] == "EUR"
    assert [(r["strategy"], r["location"], r.get("maxWait")) for r in json.loads(values["capacity_ladder"])] == [
        ("SPOT", "europe-west4", "600s"),
        ("SPOT", "us-east1", "600s"),
        ("STANDARD", "europe-west4", "600s"),
        ("STANDARD", "us-east1", None),
    ]
    found = json.loads(out[out.index("{") :])["estimate"]["strategies"]
    assert {word: each["expected"]["cost"] for word, each in found.items()} == {"spot": 4.0, "on-demand": 12.0}
    assert "with spot machines:" in err
    assert "the expected cost (spot) is above --max-cost" in err


def earlier_pipeline(pipeline: Path, folder: Path, *lacking: str) -> Path:
    """Write the pipeline as an earlier version compiled it, without some parameters."""
    spec = json.loads(pipeline.read_text())
    for name in lacking:
        del spec["root"]["inputDefinitions"]["parameters"][name]
    path = folder / "earlier.json"
    path.write_text(json.dumps(spec))
    return path


def write_two_objectives() -> None:
    text = Path("search.yaml").read_text()
    text = text.replace("optimized_metric: val/loss", "optimized_metric: [val/loss, size]")
    Path("two.yaml").write_text(text.replace("direction: minimize", "direction: [minimize, minimize]"))


def test_the_preferred_objective_is_a_parameter_of_the_pipeline(
    pipeline: Path, vertex: FakeVertex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    write_two_objectives()

    assert submit_study(pipeline, vertex, "--no-check", "--search", "two.yaml", "--prefer", "size") == 0

    values = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    assert values["prefer"] == "size"
    outputs = {"job": Artifact("job", "gs://b/r/1/tune-and-retrain-20260131120000/tune_-5/job", {})}
    assert requested_job(ExecutorInput(values, {}, outputs, Path("o.json"))).labels[PREFER_LABEL] == "2"


@pytest.mark.parametrize(
    ("lacking", "options"),
    [
        ("on_stop", ("--detach",)),
        ("attach", ("--reuse",)),
        ("retraining", ("--no-retrain",)),
        ("warm_start_key", ("--warm-start", "depth_start")),
        ("log_experiment", ("--log-experiment", "e")),
        ("max_worker_hours", ("--max-worker-hours", "2")),
        ("hourly_prices", ("--hourly-price", "2")),
        ("capacity_ladder", ("--strategy", "spot,on-demand")),
        ("metric_threshold", ("--metric-threshold", "1")),
        ("prefer", ("--search", "two.yaml", "--prefer", "size")),
        ("on_unsuccessful_job", ("--on-unsuccessful-job", "select")),
        ("study_root", ("--cron", "0 3 * * 1", "--api-endpoint", "https://127.0.0.1:9")),
    ],
)
def test_what_a_pipeline_of_an_earlier_version_cannot_do_is_refused_by_name(
    pipeline: Path,
    vertex: FakeVertex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    lacking: str,
    options: tuple[str, ...],
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)
    write_two_objectives()
    file = earlier_pipeline(pipeline, tmp_path, lacking)

    assert submit_study(file, vertex, "--no-check", *options) == 2

    said = capfd.readouterr().err
    assert "compile it again with `hydra-vertex compile`" in said
    assert f"has no parameter {lacking}" in said or "all runs of a schedule would write to one folder" in said
    assert vertex.requests == []


def test_a_pipeline_of_an_earlier_version_gets_a_folder_of_the_study_in_its_request(
    pipeline: Path, vertex: FakeVertex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project(tmp_path).path)

    assert submit_study(earlier_pipeline(pipeline, tmp_path, "study_root"), vertex, "--no-check") == 0

    values = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    assert json.loads(values["trial_job_spec"])["baseOutputDirectory"]["outputUriPrefix"].startswith("gs://b/r/")
    assert "study_root" not in values
