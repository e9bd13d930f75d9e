"""Google's message classes: their import, and the conversion between proto JSON and messages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import dump_job, parse_job
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.service.api.google_messages import canonical, message_class, to_document, to_message, unknown_path
from hydra_vertex.service.resource_names import JobKind
from service.harness import PARENT, Client, job_document

LOADED = """
import json, sys
from hydra_vertex.service.api.google_messages import load, message_class
load()
names = [name for name in sys.modules if name.startswith("google.cloud.aiplatform_v1.services")]
bare = "google.cloud.aiplatform_v1" in sys.modules
from google.cloud import aiplatform_v1
same = aiplatform_v1.CustomJob.pb() is message_class("CustomJob")
print(json.dumps([names, bare, same, hasattr(aiplatform_v1, "JobServiceClient")]))
"""


def test_the_message_classes_are_imported_without_the_clients_and_stay_valid_after_their_import() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LOADED], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [[], False, True, True], done.stderr


def test_a_job_of_the_service_is_unchanged_by_googles_messages(client: Client, app: Path) -> None:
    job = client.run(job_document(app, "curve", trials=2, labels={"team": "a"}, timeout="5.5s"))
    message = to_message(job, "HyperparameterTuningJob")
    again = to_message(to_document(message), "HyperparameterTuningJob")
    assert message == again
    assert dump_job(parse_job(to_document(message))) == job
    custom = client.get(job["trials"][0]["customJob"])
    assert to_message(custom, "CustomJob").job_spec.worker_pool_specs[0].replica_count == 1


def test_snake_case_enum_numbers_and_numbers_as_text_are_accepted(tmp_path: Path) -> None:
    document = job_document(tmp_path / "app", "report")
    document["max_trial_count"] = str(document.pop("maxTrialCount"))
    document["studySpec"]["algorithm"] = 3
    found = canonical(JobKind.TUNING, document)
    assert found["maxTrialCount"] == 1
    assert found["studySpec"]["algorithm"] == "RANDOM_SEARCH"  # type: ignore[call-overload, index]  # it is an object


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "expected the JSON object of a HyperparameterTuningJob, got an array of 0 items"),
        ("x" * 200, f"expected the JSON object of a HyperparameterTuningJob, got '{'x' * 80}'… (200 characters)"),
        ({"foo": 1}, "foo: is not a field of the API"),
        ({"studySpec": {"foo": 1}}, "studySpec.foo: is not a field of the API"),
        ({"studySpec": {"parameters": [{}, {"foo": 1}]}}, "studySpec.parameters[1].foo: is not a field of the API"),
        ({"maxTrialCount": 1.5}, "maxTrialCount: Couldn't parse integer: 1.5"),
        ({"state": "DONE"}, "state: Invalid enum value DONE for enum type google.cloud.aiplatform.v1.JobState"),
        ({"labels": {"a": 1}}, "labels: expected string or bytes-like object"),
        ({"studySpec": {"metrics": {}}}, "studySpec.metrics: repeated field metrics must be in [] which is {}"),
        ({"createTime": "now"}, "createTime: "),
        (
            {"studySpec": {"parameters": [{"doubleValueSpec": {"minValue": True}}]}},
            "studySpec.parameters[0].doubleValueSpec.minValue: expected a number, got True",
        ),
        (
            {"studySpec": {"parameters": [{"discreteValueSpec": {"values": [1, False]}}]}},
            "studySpec.parameters[0].discreteValueSpec.values[1]: expected a number, got False",
        ),
        ({"study_spec": {"algorithm": True}}, "study_spec.algorithm: expected an enum's name or its number, got True"),
        ({"studySpec": {"algorithm": 1.5}}, "studySpec.algorithm: expected an enum's name or its number, got 1.5"),
    ],
)
def test_an_invalid_job_is_refused_with_the_path_of_the_wrong_field(document: json.JSONEncoder, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        canonical(JobKind.TUNING, document)  # type: ignore[arg-type]  # any JSON
    assert str(caught.value).startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["studySpec", "parameters", "labels", "trialJobSpec", "workerPoolSpecs", "state", "x", ""]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_converted_or_refused(document: object) -> None:
    try:
        found = canonical(JobKind.TUNING, document)  # type: ignore[arg-type]  # any JSON
    except DocumentError:
        return
    assert canonical(JobKind.TUNING, found) == found


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("displayName", True),
        ("studySpec.metrics", True),
        ("labels.team", True),
        ("trials", True),
        ("display", False),
        ("studySpec.foo", False),
        ("displayName.foo", False),
    ],
)
def test_an_unknown_field_path_is_found(path: str, known: bool) -> None:
    assert unknown_path(JobKind.TUNING, ["name", path]) == (None if known else path)


def test_a_mask_with_an_unknown_field_is_refused(client: Client) -> None:
    answer = client.http.get(f"{PARENT}/customJobs", params={"readMask": "name,nme"})
    assert answer.json()["error"]["message"] == "readMask: 'nme' is not a field of the job"
    assert message_class("CustomJob").DESCRIPTOR.full_name == "google.cloud.aiplatform.v1.CustomJob"


def test_a_field_that_only_the_service_has_is_dropped_from_a_message() -> None:
    job = {"displayName": "a study", "trials": [{"id": "1", "stoppingReason": "bad", "earlierMeasurementCount": 2}]}
    assert to_document(to_message(job, "HyperparameterTuningJob"))["trials"] == [{"id": "1"}]
