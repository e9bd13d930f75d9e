"""The REST API: methods, access control, and errors in Google's format."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.harness import PARENT, Client, Document, job_document, release, started, wait_until

JOBS = f"{PARENT}/hyperparameterTuningJobs"


def error_of(response: httpx.Response) -> Document:
    error: Document = response.json()["error"]
    assert error["code"] == response.status_code
    return error


@pytest.fixture
def running(client: Client, app: Path) -> Iterator[str]:
    """The name of a running job, whose only trial waits."""
    name = client.create(job_document(app, "gated", displayName="waiting"))
    wait_until(lambda: started(app) == ["1"])
    yield name
    release(app, "1")
    client.finished(name)


def test_a_created_job_has_the_requested_fields_and_a_name(client: Client, app: Path) -> None:
    document = job_document(app, "report", labels={"team": "a"}, state="JOB_STATE_SUCCEEDED", name="mine", trials=2)
    answer = client.http.post(JOBS, params={"$alt": "json;enum-encoding=int"}, json=document).json()
    assert answer["name"].startswith(f"{PARENT}/hyperparameterTuningJobs/")
    assert answer["state"] == "JOB_STATE_PENDING"
    assert answer["labels"] == {"team": "a"}
    assert answer["createTime"] == answer["updateTime"]
    assert "trials" not in answer
    client.finished(answer["name"])


@pytest.mark.parametrize("path", ["999", "x", "1:get", "%2e%2e"])
def test_an_unknown_job_is_not_found(client: Client, path: str) -> None:
    assert error_of(client.http.get(f"{JOBS}/{path}"))["status"] == "NOT_FOUND"


def test_a_job_is_found_under_its_own_project_only(client: Client, running: str) -> None:
    elsewhere = running.replace("projects/p/", "projects/q/")
    error = error_of(client.http.get(elsewhere))
    assert (error["status"], error["message"]) == ("NOT_FOUND", f"{elsewhere} is not found")
    assert client.http.post(f"{elsewhere}:cancel").status_code == 404
    assert client.http.delete(elsewhere).status_code == 404


def test_an_unknown_path_gets_an_error_in_googles_format(client: Client) -> None:
    error = error_of(client.http.get(f"{PARENT}/nasJobs"))
    assert error["status"] == "NOT_FOUND"
    assert "hyperparameterTuningJobs" in error["message"]


def test_a_running_job_cannot_be_deleted_and_an_ended_one_cannot_be_cancelled(
    client: Client, app: Path, running: str
) -> None:
    assert error_of(client.http.delete(running))["status"] == "FAILED_PRECONDITION"
    release(app, "1")
    client.finished(running)
    assert error_of(client.http.post(f"{running}:cancel"))["status"] == "FAILED_PRECONDITION"


def test_a_deletion_is_a_finished_operation_and_the_job_is_not_found(client: Client, app: Path) -> None:
    name = client.run(job_document(app, "report"))["name"]
    operation = client.http.delete(name).json()
    assert operation["done"] is True
    assert operation["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert client.http.get(name).status_code == 404


def test_a_project_may_have_any_printable_name(client: Client, app: Path) -> None:
    parent = "projects/ü \U0001f600%2e.: /locations/ß"
    path = "projects/%C3%BC%20%F0%9F%98%80%252e.:%20/locations/%C3%9F/hyperparameterTuningJobs"
    name = client.http.post(path, json=job_document(app, "report")).json()["name"]
    assert name.startswith(f"{parent}/hyperparameterTuningJobs/")
    job = client.finished(f"{path}/{name.rpartition('/')[2]}")
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [found["name"] for found in client.http.get(path).json()["hyperparameterTuningJobs"]] == [name]


def test_a_list_is_paged_newest_first(client: Client, app: Path) -> None:
    parent = "projects/paged/locations/l/hyperparameterTuningJobs"
    created = [client.http.post(parent, json=job_document(app, "report")).json()["name"] for _ in range(5)]
    pages: list[Any] = []
    token = ""
    while not pages or token:
        answer = client.http.get(parent, params={"pageSize": 2, "pageToken": token}).json()
        pages.append([job["name"] for job in answer["hyperparameterTuningJobs"]])
        token = answer.get("nextPageToken", "")
    assert pages == [created[:2:-1], created[2:0:-1], created[:1]]


def test_the_fields_of_a_list_request_may_be_in_snake_case(client: Client, running: str) -> None:
    client.finished(client.create(job_document(client.studies.parent / "second", "report")))
    answer = client.http.get(
        JOBS, params={"page_size": 1, "read_mask": "name", "$alt": "json;enum-encoding=int"}
    ).json()
    assert [set(job) for job in answer["hyperparameterTuningJobs"]] == [{"name"}]
    following = client.http.get(JOBS, params={"page_token": answer["nextPageToken"], "alt": "json"}).json()
    assert running in [job["name"] for job in following["hyperparameterTuningJobs"]]


def test_an_unknown_query_parameter_is_refused(client: Client, running: str) -> None:
    for answer in (
        client.http.get(running, params={"view": "FULL"}),
        client.http.post(f"{running}:cancel", params={"view": "FULL"}),
        client.http.delete(running, params={"view": "FULL"}),
        client.http.post(JOBS, params={"view": "FULL"}, json={}),
    ):
        assert error_of(answer)["message"].startswith("view: is not a query parameter of this method")


def test_a_list_contains_the_jobs_that_match_its_filter(client: Client, running: str) -> None:
    def listed(text: str) -> list[str]:
        return [
            job["name"] for job in client.http.get(JOBS, params={"filter": text}).json()["hyperparameterTuningJobs"]
        ]

    assert listed('display_name="waiting" AND state="JOB_STATE_RUNNING"') == [running]
    assert running not in listed('state!="JOB_STATE_RUNNING"')


def test_a_list_contains_only_the_fields_of_its_mask(client: Client, running: str) -> None:
    answer = client.http.get(JOBS, params={"readMask": "name,display_name", "filter": 'display_name="waiting"'}).json()
    assert answer["hyperparameterTuningJobs"][0] == {"name": running, "displayName": "waiting"}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"filter": "labels.a"}, "filter"),
        ({"pageSize": "-1"}, "pageSize"),
        ({"pageSize": str(1 << 31)}, "pageSize"),
        ({"page_size": "-1"}, "pageSize"),
        ({"pageToken": "x"}, "pageToken"),
        ({"maxResults": "3"}, "maxResults"),
    ],
)
def test_an_invalid_list_request_is_refused_with_the_name_of_the_field(
    client: Client, query: dict[str, str], named: str
) -> None:
    error = error_of(client.http.get(JOBS, params=query))
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["message"].startswith(f"{named}: ")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "expected the JSON object of a HyperparameterTuningJob, got an array of 0 items"),
        (b'"x"', "expected the JSON object"),
        (b"\xff", "is not JSON"),
        ("{}".encode("utf-16"), "is not JSON"),
        (b'{"displayName": "\xed\xa0\x80"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"maxTrialCount": NaN}', "NaN is not a JSON value"),
        (b'{"maxTrialCount": -Infinity}', "-Infinity is not a JSON value"),
        (b'{"maxTrialCount": 1e400}', "'1e400' is too large for a double"),
        (b'{"maxTrialCount": 1' + b"0" * 309 + b"}", "an integer of 310 digits is too large for a double"),
        (b'{"maxTrialCount": ' + b"9" * 309 + b"}", "maxTrialCount: "),
        (b'{"displayName": "a", "displayName": "b"}', "'displayName' occurs more than once in one object"),
        (rb'{"displayName": "\ud800"}', r"'\ud800' is a lone surrogate, which UTF-8 cannot encode"),
        (rb'{"\uDFFF": 1}', r"'\udfff' is a lone surrogate"),
        (rb'{"\ud83d\ude00": 1}', "\U0001f600: is not a field of the API"),
        (rb'{"state": "\ud800"}', r"'\ud800' is a lone surrogate"),
        (b'{"studySpec": []}', "studySpec: expected an object, got an array of 0 items"),
        (b'{"studySpec": ""}', "studySpec: expected an object, got ''"),
        (b'{"error": {"details": [{"@type": "type.googleapis.com/google.protobuf.Duration"}]}}', "cannot be read"),
        (b'{"error": {"details": [{"@type": 1}]}}', ""),
        (b'{"trials": [{"parameters": [{"value": ' + b"[" * 900 + b"]" * 900 + b"}]}]}", ""),
    ],
    ids=range(23),
)
def test_a_body_that_is_not_a_job_is_an_invalid_argument(client: Client, body: bytes, problem: str) -> None:
    error = error_of(client.http.post(JOBS, content=body))
    assert error["status"] == "INVALID_ARGUMENT"
    assert problem in error["message"]
    assert len(error["message"]) < 1100


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [
        ("application/json", True),
        ("application/json; charset=UTF-8", True),
        ('Application/JSON;charset="utf-8"', True),
        ("application/json; charset=latin-1", False),
        ("application/x-www-form-urlencoded", False),
        ("text/plain", False),
    ],
)
def test_a_content_type_other_than_json_is_refused(client: Client, content_type: str, is_json: bool) -> None:
    error = error_of(client.http.post(JOBS, content=b"{}", headers={"Content-Type": content_type}))
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["message"].startswith("Content-Type: expected ") is not is_json


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("projects/%ff/locations/l/customJobs", "the URL's path is not UTF-8"),
        ("projects/%ed%a0%80/locations/l/customJobs", "the URL's path is not UTF-8"),
        ("projects/%zz/locations/l/customJobs", "the URL's path contains '%zz'; write % as %25"),
        ("projects/%/locations/l/customJobs", "the URL's path contains '%/l'"),
        ("projects/%00/locations/l/customJobs", "parent: expected projects/P/locations/L"),
        (f"projects/{'p' * 101}/locations/l/customJobs", "parent: expected projects/P/locations/L"),
        (f"projects/p/locations/{'l' * 101}/customJobs/1", "name: expected projects/P/locations/L/customJobs/ID"),
        (f"{PARENT}/customJobs?filter=%C0%80", "the URL's query is not UTF-8"),
        (f"{PARENT}/customJobs?filter=%", "the URL's query contains '%'"),
        (f"{PARENT}/customJobs?pageSize=1&pageSize=1", "pageSize: is given more than once"),
        (f"{PARENT}/customJobs?pageSize=1&page_size=1", "pageSize: is given more than once"),
    ],
)
def test_a_url_with_ambiguous_or_too_long_parts_is_refused(client: Client, path: str, problem: str) -> None:
    answer = sent(client, f"GET /v1/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert (answer["status"], answer["message"][: len(problem)]) == ("INVALID_ARGUMENT", problem)


HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\na b: c\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: nine\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
        b"POST /v1/" + JOBS.encode() + b" HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * 100_000 + b"\r\n",
    ],
    ids=range(13),
)
def test_invalid_http_gets_an_error_in_googles_format(client: Client, request_bytes: bytes) -> None:
    assert sent(client, request_bytes)["status"] == "INVALID_ARGUMENT"
    assert client.http.get(JOBS).status_code == 200


def sent(client: Client, request_bytes: bytes) -> Document:
    """Send HTTP as bytes, and return the error in the response."""
    with socket.create_connection(("127.0.0.1", client.http.base_url.port or 0), timeout=10) as connection:
        connection.sendall(request_bytes)
        answer = b""
        while not answer.endswith(b"}"):
            piece = connection.recv(1 << 16)
            assert piece, answer
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    error: Document = json.loads(body)["error"]
    assert head.startswith(b"HTTP/1.1 %d " % error["code"])
    return error


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE"])
def test_an_unknown_method_of_a_path_gets_an_error_in_googles_format(client: Client, method: str) -> None:
    assert error_of(client.http.request(method, JOBS))["code"] == 405


def test_a_path_with_a_trailing_slash_is_not_found(client: Client) -> None:
    assert error_of(client.http.get(f"{JOBS}/"))["status"] == "NOT_FOUND"


def test_a_field_of_the_wrong_type_is_named_by_its_path(client: Client, app: Path) -> None:
    document = job_document(app, "report")
    document["studySpec"]["parameters"][0]["doubleValueSpec"]["minValue"] = "low"
    error = error_of(client.http.post(JOBS, json=document))
    assert error["message"].startswith("studySpec.parameters[0].doubleValueSpec.minValue: ")


def test_a_body_of_more_than_a_mebibyte_is_refused(client: Client) -> None:
    error = error_of(client.http.post(JOBS, content=b" " * (1 << 20) + b"{}"))
    assert error["message"] == "the request's body is more than 1048576 bytes"


def test_a_body_whose_content_length_is_too_large_is_refused_before_it_is_sent(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.http.base_url.port or 0), timeout=10) as connection:
        connection.sendall(f"POST /v1/{JOBS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 52428800\r\n\r\n".encode())
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_disconnects_during_its_request_causes_no_internal_error(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.http.base_url.port or 0), timeout=10) as connection:
        connection.sendall(f"POST /v1/{JOBS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{".encode())
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1 << 16)
    log = client.studies.with_name(f"{client.studies.name}.log")
    assert client.http.get(JOBS).status_code == 200
    assert "ClientDisconnect" not in log.read_text()


def test_an_output_folder_outside_of_the_service_is_refused(client: Client, app: Path) -> None:
    error = error_of(client.http.post(JOBS, json=job_document(app, "report", output="gs://b/../../x")))
    assert error["message"].startswith("trialJobSpec.baseOutputDirectory.outputUriPrefix: ")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]:80", "10.0.0.1", "[::1].evil.example", "0.0.0.0:80"]
)
def test_a_request_by_another_hosts_name_is_refused(client: Client, host: str) -> None:
    assert error_of(client.http.get(JOBS, headers={"Host": host}))["status"] == "PERMISSION_DENIED"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:80", "[::1]"])
def test_a_request_by_a_loopback_name_is_answered(client: Client, host: str) -> None:
    assert client.http.get(JOBS, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("site", "code"), [("cross-site", 403), ("same-site", 403), ("same-origin", 403), ("none", 200)]
)
def test_a_request_of_a_web_page_without_an_origin_is_refused(client: Client, site: str, code: int) -> None:
    assert client.http.get(JOBS, headers={"Sec-Fetch-Site": site}).status_code == code


def test_a_web_page_is_refused(client: Client, app: Path) -> None:
    headers = {"Origin": "http://localhost"}
    answer = client.http.post(JOBS, headers=headers, json=job_document(app, "report"))
    assert error_of(answer)["status"] == "PERMISSION_DENIED"
    assert started(app) == []
