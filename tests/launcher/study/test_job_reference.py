"""What users and programs write to refer to a tuning job."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.launcher.study.job_reference import JobReference, parse_reference
from hydra_vertex.protocol.errors import UserError

NAME = "projects/p/locations/europe-west4/hyperparameterTuningJobs/123"
CONSOLE = "https://console.cloud.google.com"
GOOGLE = "https://europe-west4-aiplatform.googleapis.com"


def resources(*uris: str, key: str = "resourceUri") -> str:
    return json.dumps({"resources": [{"resourceType": "HyperparameterTuningJob", key: uri} for uri in uris]})


@pytest.mark.parametrize(
    "text",
    [
        NAME,
        f"  {NAME}\n",
        f"//aiplatform.googleapis.com/{NAME}",
        f"{GOOGLE}/v1/{NAME}",
        f"{GOOGLE}/v1beta1/{NAME}",
        f"{GOOGLE}:443/v1/{NAME}",
        resources(f"{GOOGLE}/v1/{NAME}"),
        resources(f"{GOOGLE}/v1/{NAME}", key="resource_uri"),
        resources(f"{GOOGLE}/v1/projects/p/locations/l/customJobs/1", f"{GOOGLE}/v1/{NAME}"),
        f"{CONSOLE}/ai/platform/locations/europe-west4/training/123?project=p",
        f"{CONSOLE}/vertex-ai/locations/europe-west4/training/123?project=p",
        f"{CONSOLE}/agent-platform/locations/europe-west4/training/123?project=p",
        f"{CONSOLE}/vertex-ai/locations/europe-west4/training/123/cpu?hl=de&project=p&authuser=1#trials",
        f"{CONSOLE}/vertex-ai/training/hyperparameter-tuning-jobs/europe-west4/123?project=p",
        f"{CONSOLE}/vertex-ai/training/hyperparameter-tuning-jobs/locations/europe-west4/trainings/123?project=p",
    ],
)
def test_a_job_on_google_cloud_is_found(text: str) -> None:
    assert parse_reference(text) == JobReference(NAME)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (f"http://127.0.0.1:8080/v1/{NAME}", "http://127.0.0.1:8080"),
        (resources(f"http://localhost:1/v1/{NAME}"), "http://localhost:1"),
        (f"http://[::1]:5/v1/{NAME}", "http://[::1]:5"),
        (f"https://other-aiplatform.googleapis.com/v1/{NAME}", "https://other-aiplatform.googleapis.com"),
        (f"https://aiplatform.europe-west4.rep.googleapis.com/v1/{NAME}", "https://aiplatform.europe-west4.rep.googleapis.com"),
    ],
)  # fmt: skip
def test_a_url_names_the_service_that_has_the_job(text: str, endpoint: str) -> None:
    assert parse_reference(text) == JobReference(NAME, endpoint)


@pytest.mark.parametrize(
    ("text", "project", "location"),
    [
        ("123", "p", "europe-west4"),
        (f"{CONSOLE}/ai/platform/locations/europe-west4/training/123", "p", ""),
        (NAME, "p", "europe-west4"),
    ],
)
def test_project_and_location_complete_what_the_text_lacks(text: str, project: str, location: str) -> None:
    assert parse_reference(text, project, location) == JobReference(NAME)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("123", (), "123: the job's name needs --project and --location"),
        ("123", ("p",), "123: the job's name needs --location"),
        (f"{CONSOLE}/ai/platform/locations/europe-west4/training/123", (), "needs --project"),
        (NAME, ("q",), "--project q: the job's name has p; leave the option out"),
        (f"{GOOGLE}/v1/{NAME}", ("", "us-central1"), "--location us-central1: the job's name has europe-west4"),
        ("projects/p/locations/l/customJobs/1", (), "is one of the customJobs, not a tuning job"),
        ("projects/p/locations/l/pipelineJobs/tune-1", (), "is one of the pipelineJobs, not a tuning job"),
        (f"{NAME}/trials/3", (), f"names a part of a job; give the job, {NAME}"),
        ("projects/p/locations/L.evil.com?x=/hyperparameterTuningJobs/1", (), "does not name a tuning job"),
        ("docs", (), "docs: is no file here, and does not name a tuning job; give projects/P"),
        ("", (), "does not name a tuning job"),
        (f"https://evil.example/v1/{NAME}", (), "evil.example is not a host of Google"),
        (f"http://10.0.0.1:8080/v1/{NAME}", (), "10.0.0.1 is not a host of Google"),
        (f"http://evil.googleapis.com/v1/{NAME}", (), "is not a host of Google"),
        (f"https://googleapis.com.evil.example/v1/{NAME}", (), "is not a host of Google"),
        (f"https://x.googleapis.com/v2/{NAME}", (), "is neither a page of"),
        (f"{CONSOLE}/vertex-ai/training/custom-jobs/europe-west4/1?project=p", (), "is not the page of a tuning job"),
        (f"{CONSOLE}/vertex-ai/locations/l/pipelines/runs/1?project=p", (), "is not the page of a tuning job"),
        ("http://[::1", (), "is not a URL"),
        ("{", (), "is not JSON"),
        ("{" * 100_000, (), "is not JSON"),
        ("{}", (), "gcp_resources: expected one tuning job (…/hyperparameterTuningJobs/ID), got none"),
        ('{"resources": 3}', (), "got none"),
        (resources(f"{GOOGLE}/v1/projects/p/locations/l/customJobs/1"), (), "customJobs/1; give the job's name"),
        (resources(f"{GOOGLE}/v1/{NAME}", f"{GOOGLE}/v1/{NAME}4"), (), "expected one tuning job"),
    ],
)
def test_a_text_that_names_no_tuning_job_is_refused_by_name(text: str, options: tuple[str, ...], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_reference(text, *options)

    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text() | st.text(alphabet="projects/locations{}[]:?#&=.@ \n").map(lambda t: f"https://{t}/v1/{NAME}"))
def test_any_text_names_a_job_of_a_known_host_or_is_refused(text: str) -> None:
    try:
        found = parse_reference(text, "p", "europe-west4")
    except UserError:
        return
    assert found.api_endpoint.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")) or (
        found.api_endpoint == "" or found.api_endpoint.endswith(".googleapis.com")
    )
