"""Google's own client against the service, unmodified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from google.protobuf import json_format

from service.harness import PARENT, Client, Document, job_document, started, wait_until

JobState = aiplatform_v1.JobState


@pytest.fixture(scope="module")
def google(client: Client) -> Iterator[aiplatform_v1.JobServiceClient]:
    with aiplatform_v1.JobServiceClient(
        client_options={"api_endpoint": f"http://127.0.0.1:{client.http.base_url.port}"},
        transport="rest",
        credentials=AnonymousCredentials(),
    ) as google:
        yield google


def message_of(document: Document) -> aiplatform_v1.HyperparameterTuningJob:
    message = aiplatform_v1.HyperparameterTuningJob()
    json_format.ParseDict(document, aiplatform_v1.HyperparameterTuningJob.pb(message))
    return message


def finished(google: aiplatform_v1.JobServiceClient, name: str) -> aiplatform_v1.HyperparameterTuningJob:
    terminal = {JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED}
    return wait_until(
        lambda: job if (job := google.get_hyperparameter_tuning_job(name=name)).state in terminal else None
    )


def test_a_study_runs_through_googles_client(google: aiplatform_v1.JobServiceClient, app: Path) -> None:
    document = job_document(app, "report", trials=3, parallel=2)
    document["studySpec"]["parameters"] += [
        {"parameterId": "n", "integerValueSpec": {"minValue": 0, "maxValue": 8}, "scaleType": "UNIT_LINEAR_SCALE"},
        {"parameterId": "c", "categoricalValueSpec": {"values": ["a", "b"]}},
    ]
    document["studySpec"] |= {"algorithm": "RANDOM_SEARCH", "measurementSelectionType": "BEST_MEASUREMENT"}
    created = google.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=message_of(document))
    assert created.state == JobState.JOB_STATE_PENDING
    job = finished(google, created.name)
    assert job.state == JobState.JOB_STATE_SUCCEEDED
    assert job.study_spec.algorithm == aiplatform_v1.StudySpec.Algorithm.RANDOM_SEARCH
    for trial in job.trials:
        assert trial.state == aiplatform_v1.Trial.State.SUCCEEDED
        assert trial.final_measurement.metrics[0].value == trial.parameters[0].value
    assert created.name in [listed.name for listed in google.list_hyperparameter_tuning_jobs(parent=PARENT)]

    assert google.delete_hyperparameter_tuning_job(name=created.name).result() is not None
    with pytest.raises(exceptions.NotFound, match="is not found"):
        google.get_hyperparameter_tuning_job(name=created.name)


def test_googles_client_cancels_a_job(google: aiplatform_v1.JobServiceClient, app: Path) -> None:
    created = google.create_hyperparameter_tuning_job(
        parent=PARENT, hyperparameter_tuning_job=message_of(job_document(app, "gated"))
    )
    wait_until(lambda: started(app))
    google.cancel_hyperparameter_tuning_job(name=created.name)
    assert finished(google, created.name).state == JobState.JOB_STATE_CANCELLED


def test_googles_client_raises_its_own_errors(google: aiplatform_v1.JobServiceClient, app: Path) -> None:
    message = message_of(job_document(app, "report", trials=0))
    with pytest.raises(exceptions.BadRequest, match="maxTrialCount: expected 1 or more, got 0"):
        google.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=message)
    with pytest.raises(exceptions.BadRequest, match="filter: "):
        google.list_hyperparameter_tuning_jobs(request={"parent": PARENT, "filter": "size=3"})
