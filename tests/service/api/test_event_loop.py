"""No request delays others for long: a job is read repeatedly while an expensive request is answered."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import httpx
import pytest

from hydra_vertex.service.api.google_messages import message_class, to_message
from hydra_vertex.service.start import STOP_LIMIT_S
from service.harness import PARENT, Client, Document, job_document, start, wait_until

JOBS = f"{PARENT}/hyperparameterTuningJobs"
SERVICE = "/google.cloud.aiplatform.v1.JobService"
BODY_BYTES = 1 << 20
LIMIT_S = 1.0
"""The slowest answer takes about 40 ms on an idle machine. Each of these requests once blocked the loop for longer."""

Ask: TypeAlias = Callable[[str, str], Any]
"""Sends a request to a REST URL or a gRPC address."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with gRPC, and a job with labels that has ended."""
    folder = tmp_path_factory.mktemp("busy")
    with (
        start(folder / "studies", "--grpc-port", "0") as service,
        Client(service.url, folder / "studies", service.pid) as client,
    ):
        labels = {f"a{index}": "b" for index in range(64)}
        client.run(job_document(folder / "app", "report", displayName="a" * 128, labels=labels))
        yield client


def listed(**query: str) -> Ask:
    return lambda url, _: httpx.get(f"{url}/v1/{JOBS}", params=query, trust_env=False, timeout=60)


def listed_by_grpc(**fields: Any) -> Ask:
    return called("ListHyperparameterTuningJobs", fields)


def posted(change: Callable[[Document], object]) -> Ask:
    body = json.dumps(changed(change)).encode()
    assert len(body) < BODY_BYTES
    return lambda url, _: httpx.post(f"{url}/v1/{JOBS}", content=body, trust_env=False, timeout=60)


def posted_by_grpc(change: Callable[[Document], object]) -> Ask:
    message = to_message(changed(change), "HyperparameterTuningJob")
    return called("CreateHyperparameterTuningJob", {"hyperparameter_tuning_job": message})


def called(method: str, fields: dict[str, Any]) -> Ask:
    request = message_class(f"{method}Request")(parent=PARENT, **fields).SerializeToString()

    def ask(_: str, address: str) -> None:
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"{SERVICE}/{method}")(request, timeout=60)
        assert caught.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED}

    return ask


def sent(head: str, body: bytes) -> Ask:
    """Send HTTP as bytes, and expect an error of the client (4xx)."""

    def ask(url: str, _: str) -> None:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=60) as connection:
            connection.sendall(f"{head} HTTP/1.1\r\nHost: localhost\r\n".encode() + body)
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 4")

    return ask


def changed(change: Callable[[Document], object]) -> Document:
    document: Document = {
        "displayName": "a study",
        "maxTrialCount": 1,
        "parallelTrialCount": 1,
        "studySpec": {"metrics": [{"metricId": "loss"}], "parameters": []},
        "trialJobSpec": {
            "workerPoolSpecs": [
                {"machineSpec": {"machineType": "x"}, "containerSpec": {"imageUri": "x", "command": ["x"]}}
            ]
        },
    }
    change(document)
    return document


def double(name: str) -> Document:
    return {"parameterId": name, "doubleValueSpec": {"minValue": 1, "maxValue": 2}}


def many_parameters(document: Document) -> None:
    document["studySpec"]["parameters"] = [double(f"p{index}") for index in range(12_000)]


def many_alternatives(document: Document) -> None:
    children = [
        {"parentCategoricalValues": {"values": ["a"]}, "parameterSpec": double(f"q{index}")} for index in range(6_500)
    ]
    parent = {"parameterId": "p", "categoricalValueSpec": {"values": ["a"]}, "conditionalParameterSpecs": children}
    document["studySpec"]["parameters"] = [parent]


def many_condition_values(document: Document) -> None:
    values = [str(index) for index in range(40_000)]
    child = {"parentCategoricalValues": {"values": values[::-1]}, "parameterSpec": double("q")}
    parent = {"parameterId": "p", "categoricalValueSpec": {"values": values}, "conditionalParameterSpecs": [child]}
    document["studySpec"]["parameters"] = [parent]


def dots_in_a_value_that_a_message_quotes(document: Document) -> None:
    document["studySpec"]["metrics"] = f" at HyperparameterTuningJob{'.' * 300_000}x"


def many_labels(document: Document) -> None:
    document["labels"] = {f"a{index}": "b" for index in range(50_000)}


CASES: dict[str, Ask] = {
    "wildcards": listed(filter=f'display_name:"{"*a" * 12}*b"'),
    "terms": listed_by_grpc(filter="labels.a:* " * 10_000),
    "parentheses": listed_by_grpc(filter="(" * 1_000_000),
    "minus signs": listed_by_grpc(filter="-" * 1_000_000),
    "negations": listed_by_grpc(filter="NOT " * 200_000),
    "words": listed_by_grpc(filter="a " * 400_000),
    "white space": listed_by_grpc(filter=f"{' ' * 900_000}x"),
    "a text without its end": listed_by_grpc(filter='labels.a="' + "\\" * 900_000),
    "paths of a mask": listed_by_grpc(read_mask={"paths": [f"labels.a{index}" for index in range(60_000)]}),
    "a path of many steps": listed_by_grpc(read_mask={"paths": ["a." * 400_000]}),
    "a page token": listed_by_grpc(page_token="1" * 900_000),
    "parameters": posted(many_parameters),
    "parameters by gRPC": posted_by_grpc(many_parameters),
    "alternatives": posted(many_alternatives),
    "values of a condition": posted(many_condition_values),
    "values of a condition by gRPC": posted_by_grpc(many_condition_values),
    "dots": posted(dots_in_a_value_that_a_message_quotes),
    "labels": posted(many_labels),
    "fields of a query": sent(f"GET /v1/{JOBS}?" + "a=b&" * 15_000, b"\r\n"),
    "headers": sent(f"GET /v1/{JOBS}", b"a:\r\n" * 15_000 + b"\r\n"),
    "chunks": sent(f"POST /v1/{JOBS}", b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n"),
}


@pytest.mark.parametrize("ask", CASES.values(), ids=CASES)
def test_an_expensive_request_does_not_delay_others(client: Client, ask: Ask) -> None:
    announced = json.loads((client.studies / "service.json").read_text())
    with answer_times_s(f"{announced['url']}/v1/{JOBS}/1") as times_s:
        ask(announced["url"], announced["grpc"])
    assert max(times_s) < LIMIT_S


@contextmanager
def answer_times_s(url: str) -> Iterator[list[float]]:
    """Measure GET requests repeatedly. The first begins before the block is entered, the last ends after it."""
    times_s: list[float] = []
    ended = threading.Event()
    has_begun = threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=60) as http:
            while not ended.is_set() or len(times_s) < 2:
                begin = time.monotonic()
                assert http.get(url).status_code == 200
                times_s.append(time.monotonic() - begin)
                has_begun.set()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert has_begun.wait(LIMIT_S * 20)
        yield times_s
    finally:
        ended.set()
        thread.join()


def test_a_service_stops_in_time_while_it_handles_expensive_requests(tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    body = json.dumps(changed(many_parameters)).encode()
    codes: list[int] = []

    def ask(url: str) -> None:
        # A connection that comes after the stop gets no answer; the kernel resets one that it has accepted alone.
        with contextlib.suppress(httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
            codes.append(httpx.post(f"{url}/v1/{JOBS}", content=body, trust_env=False, timeout=60).status_code)

    with start(studies) as service:
        threads = [threading.Thread(target=ask, args=(service.url,)) for _ in range(60)]
        for thread in threads:
            thread.start()
        wait_until(lambda: codes)
        begin = time.monotonic()
    assert time.monotonic() - begin < STOP_LIMIT_S / 2
    for thread in threads:
        thread.join()
    assert set(codes) == {501, 503}
    assert "Traceback" not in studies.with_name("studies.log").read_text()


def test_a_page_ends_before_it_exceeds_the_message_limit_of_grpc_clients(client: Client, app: Path) -> None:
    parent = "projects/long/locations/l"
    container = {"imageUri": "x", "command": ["true"], "args": ["a" * 100_000] * 5}
    pool = {"machineSpec": {"machineType": "x"}, "containerSpec": container}
    document = {"displayName": "long", "jobSpec": {"workerPoolSpecs": [pool]}}
    created = [client.http.post(f"{parent}/customJobs", json=document).json()["name"] for _ in range(9)]
    pages: list[Any] = []
    token = ""
    while not pages or token:
        answer = client.http.get(f"{parent}/customJobs", params={"pageToken": token}).json()
        pages.append([job["name"] for job in answer["customJobs"]])
        token = answer.get("nextPageToken", "")
    assert [name for page in pages for name in page] == created[::-1]
    assert [len(page) for page in pages] == [5, 4]
    names = client.http.get(f"{parent}/customJobs", params={"readMask": "name"}).json()
    assert (len(names["customJobs"]), "nextPageToken" in names) == (9, False)
