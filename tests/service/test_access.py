"""Access control over REST and gRPC: tokens, hosts, limits on requests, and how invalid requests are refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status as StatusMessage

from hydra_vertex.cli.main import main
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.service.access.hosts import is_loopback
from hydra_vertex.service.access.token import read_token
from hydra_vertex.service.address import Address
from hydra_vertex.service.api.google_messages import message_class
from hydra_vertex.service.server import serve
from service.harness import PARENT, Client, job_document, start, wait_until

TOKEN = "a-token-of-sixteen"  # noqa: S105 - of the service that the fixture starts
BEARER = (("authorization", f"Bearer {TOKEN}"),)
SERVICE = "/google.cloud.aiplatform.v1.JobService"


def call(address: str, method: str, request: bytes, metadata: tuple[tuple[str, str], ...] = ()) -> bytes:
    with grpc.insecure_channel(address) as channel:
        answer: bytes = channel.unary_unary(method)(request, metadata=metadata, timeout=10)
        return answer


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, 401),
        ("", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
    ],
)
def test_a_service_with_a_token_answers_only_requests_that_contain_it(
    token_service: Client, token_grpc: str, authorization: str | None, code: int
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = token_service.http.get(f"{PARENT}/customJobs", headers=headers)
    assert answer.status_code == code
    if code == 401:
        assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
    request = message_class("ListCustomJobsRequest")(parent=PARENT).SerializeToString()
    metadata = () if authorization is None else (("authorization", authorization),)
    if code == 200:
        assert call(token_grpc, f"{SERVICE}/ListCustomJobs", request, metadata) == b""
    else:
        with pytest.raises(grpc.RpcError) as caught:
            call(token_grpc, f"{SERVICE}/ListCustomJobs", request, metadata)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_web_page_is_refused_even_with_the_token(token_service: Client) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "http://localhost"}
    assert token_service.http.get(f"{PARENT}/customJobs", headers=headers).status_code == 403


def test_a_service_with_a_token_accepts_any_host_name(token_service: Client) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "gpu-machine.example:8080"}
    assert token_service.http.get(f"{PARENT}/customJobs", headers=headers).status_code == 200


def test_another_host_without_a_token_is_refused_before_anything_listens(
    studies: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HYDRA_VERTEX_TOKEN", raising=False)
    with pytest.raises(UserError, match=r"--host 0\.0\.0\.0: .* needs a token: give --token-file FILE"):
        serve(studies, Address(host="0.0.0.0"), print)  # noqa: S104 - the service must refuse it
    assert main(["serve", "--dir", str(studies), "--port", "0", "--host", "0.0.0.0"]) == 2  # noqa: S104 - likewise
    assert "needs a token" in capsys.readouterr().err
    assert not studies.exists()


def test_any_loopback_address_can_be_served_without_a_token(studies: Path) -> None:
    with start(studies, "--host", "127.0.0.2") as service, Client(service.url, studies, service.pid) as client:
        assert service.url.startswith("http://127.0.0.2:")
        assert client.http.get(f"{PARENT}/customJobs").json() == {}


def test_the_command_serves_another_host_with_the_token_of_the_environment(studies: Path) -> None:
    options = ["--dir", str(studies), "--port", "0", "--host", "0.0.0.0"]  # noqa: S104 - on purpose
    command = [sys.executable, "-m", "hydra_vertex.service", *options]
    environ = {"PATH": "/usr/bin", "HYDRA_VERTEX_TOKEN": TOKEN}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1].replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - as announced
        jobs = f"{url}/v1/{PARENT}/customJobs"
        assert httpx.get(jobs, trust_env=False).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        pool = {
            "machineSpec": {"machineType": "local"},
            "containerSpec": {"imageUri": "x", "command": ["/usr/bin/env"]},
        }
        document = {"displayName": "who", "jobSpec": {"workerPoolSpecs": [pool]}}
        assert httpx.post(jobs, json=document, headers=headers, trust_env=False).status_code == 200
        log = studies / "jobs/1/run/log.txt"
        assert TOKEN not in wait_until(lambda: log.exists() and log.read_text())
        process.terminate()
    assert process.returncode == 0


@pytest.mark.parametrize("token", ["", "short", "a token with spaces in it", "a-token-with-ümlauts"])
def test_a_token_that_is_easily_guessed_or_cannot_be_sent_is_refused(tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(UserError, match="expected a token of 16 or more ASCII characters"):
        read_token(file, None)
    with pytest.raises(UserError, match="HYDRA_VERTEX_TOKEN: expected a token"):
        read_token(None, token)


def test_a_token_comes_from_the_file_before_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(file, "another-token-of-some-length") == TOKEN
    assert read_token(None, None) is None
    with pytest.raises(OutputError, match="cannot be read as the service's token"):
        read_token(tmp_path / "none", None)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - all addresses of the machine
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_only_loopback_hosts_are_recognised_as_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_size_of_a_grpc_request_is_limited(token_grpc: str) -> None:
    request = message_class("ListCustomJobsRequest")(parent="p" * (1 << 20)).SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        call(token_grpc, f"{SERVICE}/ListCustomJobs", request, (("authorization", f"Bearer {TOKEN}"),))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("method", "request_bytes", "code"),
    [
        (f"{SERVICE}/ListCustomJobs", b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{SERVICE}/ListCustomJobs", b"", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{SERVICE}/GetCustomJob", b"", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{SERVICE}/ListNasJobs", b"", grpc.StatusCode.UNIMPLEMENTED),
        ("/google.longrunning.Operations/GetOperation", b"", grpc.StatusCode.NOT_FOUND),
        ("/google.longrunning.Operations/GetOperation", b"\xff", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_an_invalid_grpc_request_is_refused(
    token_grpc: str, method: str, request_bytes: bytes, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(token_grpc, method, request_bytes, (("authorization", f"Bearer {TOKEN}"),))
    assert caught.value.code() is code


def create_request() -> Any:
    return message_class("CreateHyperparameterTuningJobRequest")(parent=PARENT)


def with_a_timeout_beyond_the_calendar() -> Any:
    request = create_request()
    request.hyperparameter_tuning_job.trial_job_spec.scheduling.timeout.seconds = 10**16
    return request


def with_a_time_beyond_the_calendar() -> Any:
    request = create_request()
    request.hyperparameter_tuning_job.create_time.seconds = 10**16
    return request


def with_a_value_that_is_no_number() -> Any:
    request = create_request()
    request.hyperparameter_tuning_job.trials.add().parameters.add().value.number_value = math.nan
    return request


def with_a_detail_of_an_unknown_type() -> Any:
    request = create_request()
    request.hyperparameter_tuning_job.error.details.add().type_url = "type.googleapis.com/foo.Bar"
    return request


@pytest.mark.parametrize(
    ("request_of", "words"),
    [
        (with_a_timeout_beyond_the_calendar, "timeout: Duration is not valid"),
        (with_a_time_beyond_the_calendar, "create_time: Timestamp is not valid"),
        (with_a_value_that_is_no_number, "value: Fail to serialize NaN"),
        (with_a_detail_of_an_unknown_type, "foo.Bar"),
    ],
)
def test_a_value_that_proto_json_cannot_represent_is_an_invalid_argument(
    token_grpc: str, request_of: Callable[[], Any], words: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(token_grpc, f"{SERVICE}/CreateHyperparameterTuningJob", request_of().SerializeToString(), BEARER)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in caught.value.details()


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["display_name", "labels.a_1"], None),
        (["labels.my_Key"], None),
        (["study_spec.Metrics"], grpc.StatusCode.INVALID_ARGUMENT),
        (["size"], grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_read_mask_over_grpc_may_name_any_label(
    token_grpc: str, paths: list[str], code: grpc.StatusCode | None
) -> None:
    request = message_class("ListHyperparameterTuningJobsRequest")(parent=PARENT, read_mask={"paths": paths})
    method = f"{SERVICE}/ListHyperparameterTuningJobs"
    if code is None:
        assert call(token_grpc, method, request.SerializeToString(), BEARER) == b""
    else:
        with pytest.raises(grpc.RpcError) as caught:
            call(token_grpc, method, request.SerializeToString(), BEARER)
        assert (caught.value.code(), caught.value.details().startswith("readMask: ")) == (code, True)


def test_a_refusal_over_grpc_names_the_field_in_its_details(token_grpc: str) -> None:
    request = message_class("ListCustomJobsRequest")(parent=PARENT, filter="size=3").SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        call(token_grpc, f"{SERVICE}/ListCustomJobs", request, (("authorization", f"Bearer {TOKEN}"),))
    trailer = dict(caught.value.trailing_metadata())
    status = StatusMessage.FromString(trailer["grpc-status-details-bin"])
    details = BadRequest()
    assert status.code == 3
    assert status.details[0].Unpack(details)
    assert details.field_violations[0].field == "filter"


def test_a_refusal_over_rest_names_the_field_in_its_details(client: Client, app: Path) -> None:
    document = job_document(app, "report", labels={"Team": "a"})
    error = client.http.post(f"{PARENT}/hyperparameterTuningJobs", json=document).json()["error"]
    violations = error["details"][0]["fieldViolations"]
    assert error["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [(v["field"], error["message"]) for v in violations] == [
        ("labels.Team", f"labels.Team: {violations[0]['description']}")
    ]


def test_a_grpc_port_in_use_is_named_and_the_service_exits(studies: Path, token_grpc: str) -> None:
    port = token_grpc.rpartition(":")[2]
    with pytest.raises(
        UserError, match=f"port {port} of 127.0.0.1 cannot be used .*; --grpc-port 0 selects a free one"
    ):
        start(studies, "--grpc-port", port)


def test_the_service_publishes_its_grpc_address(token_service: Client, token_grpc: str) -> None:
    published = json.loads((token_service.studies / "service.json").read_text())
    assert published["grpc"] == token_grpc


@pytest.mark.parametrize("job", ["..", "%2e%2e", "1%2f..%2f2", "1/../2", "x" * 5000, "%00", "-1", "1-", "1-0", "01"])
def test_a_job_name_that_is_not_an_id_is_not_found(client: Client, job: str) -> None:
    for kind in ("customJobs", "hyperparameterTuningJobs", "operations"):
        assert client.http.get(f"{PARENT}/{kind}/{job}").status_code == 404
