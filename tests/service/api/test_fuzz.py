"""Nearly valid requests over REST and gRPC: a wrong request is an error of the client, never an internal error.

FUZZ_CASES is the number of requests to each server; a case depends only on its number.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, quote_from_bytes

import grpc
import httpx
import pytest
from google.protobuf import json_format

from hydra_vertex.service.api.google_messages import message_class
from hydra_vertex.service.api.request_body import BODY_LIMIT_BYTES
from service.harness import PARENT, Client, Document, job_document, start

CASES = int(os.environ.get("FUZZ_CASES", "500"))
JOBS = f"{PARENT}/hyperparameterTuningJobs"
SERVICE = "/google.cloud.aiplatform.v1.JobService"
CLIENTS_MISTAKES = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
DOCUMENTED = {*CLIENTS_MISTAKES, grpc.StatusCode.OK, grpc.StatusCode.UNIMPLEMENTED}
UNIMPLEMENTED = 501

Path_: TypeAlias = tuple[str | int, ...]

TEXTS = [
    *("", " ", "\0", "\ud800", "a\udfffb", "\u202e", "\U0001f600", "\x1b[31m", "-", "--x", "x" * 5000, "ä" * 200),
    *(
        "NaN",
        "Infinity",
        "1e309",
        "1e999999999",
        "-1e999999999",
        "9" * 400,
        "0x10",
        "1_0",
        "\u0663",
        "9223372036854775808",
    ),
    *(
        "..",
        "../../etc",
        "/",
        "gs://",
        "gs://a/../b",
        "gs://a/\0",
        "file:///etc/passwd",
        "$(A)$(A)",
        "{{$}}",
        "%00",
        "%",
    ),
    *("0s", "-1s", "315576000001s", "1e9s", "0.0000000001s", "s", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"),
]
NUMBERS = [0, -1, 1, 1.5, -0.0, 1e-320, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**309]
OTHERS: list[Any] = [
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": {}},
    {"a": "\ud800"},
    {"\ud800": "a"},
    {"@type": 1},
]
LITERALS = [
    *(
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"1E999999999",
        b"1" * 5000,
        b"-" + b"9" * 310,
        b'"\\ud800"',
        b'"\xff"',
    ),
    *(
        b'"\xed\xa0\x80"',
        b'{"a":1,"a":2}',
        b'"\\u0000"',
        b"\0",
        b"",
        b"[" * 2000,
        b'{"a":' * 2000,
        b"tru",
        b"01",
        b"+1",
    ),
]
MARK = "the place of a literal"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with gRPC. At the end each job must be readable, and the log must contain no traceback."""
    folder = tmp_path_factory.mktemp("fuzz")
    with (
        start(folder / "studies", "--grpc-port", "0") as service,
        Client(service.url, folder / "studies", service.pid) as client,
    ):
        yield client
        parents = {PARENT, "projects/p/locations/%F0%9F%98%80"}
        for parent in parents:
            for job in listed(client, f"{parent}/hyperparameterTuningJobs"):
                client.get(job["name"])
    log = (folder / "studies.log").read_text()
    assert "Traceback" not in log


def listed(client: Client, jobs: str) -> Iterator[Document]:
    token = ""
    while True:
        page = client.get(f"{jobs}?pageSize=1000&pageToken={token}")
        yield from page.get("hyperparameterTuningJobs", [])
        token = page.get("nextPageToken", "")
        if not token:
            return


@pytest.fixture
def complete_job(tmp_path: Path) -> Document:
    """A valid job with a field of every type."""
    document = job_document(
        tmp_path / "app", "report", labels={"team": "a"}, timeout="5s", env={"A": "b"}, output="gs://a"
    )
    document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"] |= {"command": ["true"], "args": ["a"]}
    document["trialJobSpec"]["scheduling"]["strategy"] = "SPOT"
    child = {"parameterId": "d", "discreteValueSpec": {"values": [1, 2.5], "defaultValue": 1}}
    document["studySpec"]["parameters"] += [
        {"parameterId": "i", "integerValueSpec": {"minValue": "1", "maxValue": 9}, "scaleType": "UNIT_LOG_SCALE"},
        {
            "parameterId": "c",
            "categoricalValueSpec": {"values": ["a", "b"]},
            "conditionalParameterSpecs": [{"parentCategoricalValues": {"values": ["a"]}, "parameterSpec": child}],
        },
    ]
    document["studySpec"] |= {
        "algorithm": "RANDOM_SEARCH",
        "convexAutomatedStoppingSpec": {"maxStepCount": "3", "learningRateParameterName": "x"},
        "studyStoppingConfig": {
            "shouldStopAsap": True,
            "maxNumTrials": 3,
            "maxDurationNoProgress": "3.5s",
            "maximumRuntimeConstraint": {"endTime": "2999-01-01T00:00:00Z"},
        },
    }
    trial = {"id": "1", "parameters": [{"parameterId": "x", "value": 1}], "startTime": "2026-01-01T00:00:00Z"}
    return document | {"trials": [trial], "error": {"code": 1, "message": "m"}, "encryptionSpec": {"kmsKeyName": "k"}}


def test_no_request_over_rest_causes_an_internal_error(client: Client, complete_job: Document) -> None:
    for case in range(CASES):
        source = random.Random(case)  # noqa: S311 - each case again by its number
        method, url, body = source.choice(REST)(source, complete_job)
        answer = client.http.request(method, url, content=body, headers={"Content-Type": "application/json"})
        assert is_documented(answer), (case, method, url, body, answer.text)
        if method == "POST" and url == JOBS and answer.status_code == 200:
            client.cancel(answer.json()["name"])


def is_documented(answer: httpx.Response) -> bool:
    """Whether the response is a success, or an error in Google's format with a code 4xx or 501."""
    if answer.status_code == 200:
        return True
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    assert {"message", "status"} <= error.keys()
    return 400 <= answer.status_code < 500 or answer.status_code == UNIMPLEMENTED


def test_no_request_over_grpc_causes_an_internal_error(client: Client, complete_job: Document) -> None:
    address = json.loads((client.studies / "service.json").read_text())["grpc"]
    with grpc.insecure_channel(address) as channel:
        for case in range(CASES):
            source = random.Random(case)  # noqa: S311 - each case again by its number
            method, request = source.choice(GRPC)(source, complete_job)
            code, answer = called(channel, f"{SERVICE}/{method}", request)
            if len(request) > BODY_LIMIT_BYTES:
                assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
                continue
            assert code in DOCUMENTED, (case, method, request, code, answer)
            if method == "CreateHyperparameterTuningJob" and code is grpc.StatusCode.OK:
                client.cancel(quote(message_class("HyperparameterTuningJob").FromString(answer).name))


def called(channel: grpc.Channel, method: str, request: bytes) -> tuple[grpc.StatusCode, Any]:
    try:
        return grpc.StatusCode.OK, channel.unary_unary(method)(request, timeout=20)
    except grpc.RpcError as error:
        return error.code(), error.details()


def create(source: random.Random, complete_job: Document) -> tuple[str, str, bytes]:
    return "POST", JOBS, mutated(source, complete_job)


def broken_create(source: random.Random, complete_job: Document) -> tuple[str, str, bytes]:
    return "POST", JOBS, with_other_bytes(source, mutated(source, complete_job))


def other_url(source: random.Random, complete_job: Document) -> tuple[str, str, bytes]:
    parts = [
        "projects",
        "p",
        "locations",
        "l",
        source.choice(["hyperparameterTuningJobs", "customJobs", "operations", "x"]),
    ]
    parts += source.choice([[], ["1"], ["1:cancel"], ["9:wait"], ["1-1"], [str(2**70)]])
    for _ in range(source.randint(0, 2)):
        parts[source.randrange(len(parts))] = odd_url_text(source)
    method = source.choice(["GET", "GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"])
    query = "" if source.random() < 0.7 else f"?{odd_url_text(source)}={odd_url_text(source)}"
    if method == "HEAD":
        method = "OPTIONS"
    return method, "/".join(parts) + query, b"" if source.random() < 0.5 else b"{}"


def filtered(source: random.Random, complete_job: Document) -> tuple[str, str, bytes]:
    return (
        "GET",
        f"{JOBS}?{source.choice(['filter', 'readMask', 'pageToken', 'pageSize'])}={quote(odd_filter(source))}",
        b"",
    )


def odd_url_text(source: random.Random) -> str:
    text = source.choice([text for text in TEXTS if len(text) < 1000])
    encoded = quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")
    return source.choice(
        [encoded, encoded, "%", "%zz", "%ff", "%C0%80", "a%0Ab", quote_from_bytes(source.randbytes(4))]
    )


def odd_filter(source: random.Random) -> str:
    right = ['display_name:"*a*"', 'state="JOB_STATE_FAILED"', "labels.a:*", 'create_time<"2026-01-01T00:00:00Z"']
    words = [
        "display_name",
        "labels.a",
        "=",
        "!=",
        ":",
        "<=",
        "(",
        ")",
        '"',
        "\\",
        "*",
        ",",
        ".",
        "name,labels",
        *TEXTS[:16],
    ]
    joined = ["AND", "OR", "NOT", "-", ""]
    parts = [source.choice(right if source.random() < 0.8 else words) for _ in range(source.randint(1, 6))]
    text = " ".join(word for part in parts for word in (part, source.choice(joined)))
    return text.encode(errors="replace").decode()


REST: list[Callable[[random.Random, Document], tuple[str, str, bytes]]] = [
    create,
    create,
    broken_create,
    other_url,
    filtered,
]


def mutated(source: random.Random, complete_job: Document) -> bytes:
    """Return the JSON of a job with one to three changed values, one of which may be an invalid literal."""
    document = copy.deepcopy(complete_job)
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        path = source.choice([path for path in places(document) if path and path != ("parallelTrialCount",)])
        change(source, document, path)
    text = json.dumps(document).encode()
    return text.replace(json.dumps(MARK).encode(), source.choice(LITERALS), 1)


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def change(source: random.Random, document: Any, path: Path_) -> None:
    *parents, last = path
    for key in parents:
        document = document[key]
    match source.randrange(8):
        case 0:
            del document[last]
        case 1 if isinstance(document, dict):
            document[source.choice(TEXTS)] = document.pop(last)
        case 1 | 2:
            document[last] = [document[last]] * source.choice([1, 2, 150])
        case 3:
            document[last] = {str(last): document[last]}
        case 4:
            document[last] = MARK
        case 5:
            document[last] = source.choice(NUMBERS)
        case 6:
            document[last] = copy.deepcopy(source.choice(OTHERS))
        case _:
            document[last] = source.choice(TEXTS)


def with_other_bytes(source: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(changed) + 1)
        match source.randrange(3):
            case 0:
                changed[at : at + 1] = source.randbytes(1)
            case 1:
                changed[at:at] = source.randbytes(source.randint(1, 4))
            case _:
                del changed[at : at + source.randint(1, 20)]
    return bytes(changed)


def create_message(source: random.Random, complete_job: Document) -> tuple[str, bytes]:
    """Return a request with a wrong job that a message can represent, else a valid request with changed bytes."""
    request = message_class("CreateHyperparameterTuningJobRequest")(parent=PARENT)
    try:
        json_format.ParseDict(json.loads(mutated(source, complete_job)), request.hyperparameter_tuning_job)
    except Exception:  # json_format cannot represent the job as a message
        request.Clear()
        json_format.ParseDict(complete_job, request.hyperparameter_tuning_job)
        return "CreateHyperparameterTuningJob", with_other_bytes(source, request.SerializeToString())
    for _ in range(source.randint(0, 2)):
        odd_number(source, request.hyperparameter_tuning_job)
    return "CreateHyperparameterTuningJob", request.SerializeToString()


def odd_number(source: random.Random, job: Any) -> None:
    number = source.choice([float("nan"), float("inf"), -float("inf"), 1e308, -0.0])
    parameter = job.study_spec.parameters.add(parameter_id="odd")
    parameter.double_value_spec.min_value = number
    job.trial_job_spec.scheduling.timeout.seconds = source.choice([-1, 1, 10**16])
    job.study_spec.algorithm = source.choice([0, 2, 7, -1, 2**31 - 1])


def list_message(source: random.Random, complete_job: Document) -> tuple[str, bytes]:
    paths = [odd_filter(source)] * source.choice([0, 1, 2000])
    request = message_class("ListHyperparameterTuningJobsRequest")(
        parent=source.choice([PARENT, odd_filter(source)]),
        filter=source.choice(["", odd_filter(source)]),
        page_size=source.choice([0, -1, 2**31 - 1]),
        page_token=source.choice(["", odd_filter(source)]),
        read_mask={"paths": paths},
    )
    return "ListHyperparameterTuningJobs", request.SerializeToString()


def named_message(source: random.Random, complete_job: Document) -> tuple[str, bytes]:
    method = source.choice(["Get", "Cancel", "Delete"])
    name = "/".join([PARENT, source.choice(["hyperparameterTuningJobs", "customJobs"]), odd_filter(source)])
    kind = source.choice(["HyperparameterTuningJob", "CustomJob"])
    return f"{method}{kind}", message_class(f"{method}{kind}Request")(name=name).SerializeToString()


def broken_message(source: random.Random, complete_job: Document) -> tuple[str, bytes]:
    method, request = source.choice([create_message, list_message, named_message])(source, complete_job)
    return method, with_other_bytes(source, request)


GRPC: list[Callable[[random.Random, Document], tuple[str, bytes]]] = [
    create_message,
    create_message,
    list_message,
    named_message,
    broken_message,
]
