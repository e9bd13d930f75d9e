"""Google's unmodified client library with the service, over REST and over gRPC."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceGrpcTransport
from google.protobuf import json_format

from service.harness import PARENT, Client, Document, job_document, start, started, wait_until

JobState = aiplatform_v1.JobState


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with gRPC."""
    studies = tmp_path_factory.mktemp("google") / "studies"
    with start(studies, "--grpc-port", "0") as service, Client(service.url, studies, service.pid) as client:
        yield client


@pytest.fixture(scope="module", params=["rest", "grpc"])
def google(client: Client, request: pytest.FixtureRequest) -> Iterator[aiplatform_v1.JobServiceClient]:
    address = json.loads((client.studies / "service.json").read_text())
    if request.param == "rest":
        options = {"api_endpoint": address["url"]}
        google = aiplatform_v1.JobServiceClient(
            client_options=options, transport="rest", credentials=AnonymousCredentials()
        )
    else:
        channel = grpc.insecure_channel(address["grpc"])
        google = aiplatform_v1.JobServiceClient(transport=JobServiceGrpcTransport(channel=channel))
    with google:
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


def test_googles_client_reads_a_study_that_was_stopped(google: aiplatform_v1.JobServiceClient, app: Path) -> None:
    document = job_document(app, "report", trials=3)
    document["studySpec"]["studyStoppingConfig"] = {"maxNumTrials": 1}
    name = google.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=message_of(document)).name
    assert finished(google, name).state == JobState.JOB_STATE_SUCCEEDED
    assert name in [listed.name for listed in google.list_hyperparameter_tuning_jobs(parent=PARENT)]


def test_the_stopping_reason_of_a_trial_is_the_error_of_its_custom_job(
    google: aiplatform_v1.JobServiceClient, app: Path
) -> None:
    document = job_document(app, "good-then-bad", trials=6, labels={"team": "a"})
    document["studySpec"]["medianAutomatedStoppingSpec"] = {}
    created = google.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=message_of(document))
    *completed, stopped = finished(google, created.name).trials
    assert stopped.state == aiplatform_v1.Trial.State.SUCCEEDED

    custom = google.get_custom_job(name=stopped.custom_job)
    assert custom.state == JobState.JOB_STATE_CANCELLED
    assert custom.error.code == 1
    assert custom.error.message == (
        "its best value up to step 2, 8.5, is worse than the median 4 of the averages of 5 earlier trials"
    )
    assert (custom.labels, custom.end_time) == ({"team": "a"}, stopped.end_time)
    assert custom.create_time <= custom.start_time <= custom.end_time <= custom.update_time
    for trial in completed:
        custom = google.get_custom_job(name=trial.custom_job)
        assert (custom.state, custom.error.message) == (JobState.JOB_STATE_SUCCEEDED, "")


def test_the_infeasible_reason_of_a_trial_is_the_error_of_its_custom_job(
    google: aiplatform_v1.JobServiceClient, app: Path
) -> None:
    message = message_of(job_document(app, "crash"))
    created = google.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=message)
    (trial,) = finished(google, created.name).trials
    custom = google.get_custom_job(name=trial.custom_job)
    assert custom.state == JobState.JOB_STATE_FAILED
    assert custom.error.message == trial.infeasible_reason == "exited with code 3\nboom"


def test_googles_client_finds_the_operation_of_a_deletion_in_its_project_only(
    google: aiplatform_v1.JobServiceClient, app: Path
) -> None:
    message = message_of(job_document(app, "report"))
    name = google.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=message).name
    finished(google, name)
    operation = google.delete_hyperparameter_tuning_job(name=name).operation.name
    assert operation.startswith(f"{PARENT}/operations/")
    assert google.get_operation({"name": operation}).done
    assert google.wait_operation({"name": operation})  # over gRPC the client returns it as bytes
    for other in (operation.replace("projects/p/", "projects/q/"), f"{PARENT}/operations/delete-1"):
        with pytest.raises(exceptions.NotFound, match="is not found"):
            google.get_operation({"name": other})


NONSENSE = """
import json, os
with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
    for step, time in (("1", 1e30), ("1e300", -1e30)):
        file.write(json.dumps({"timestamp": time, "global_step": step, "loss": "1", "checkpoint_path": ""}) + "\\n")
"""


def test_a_study_with_a_trial_that_reports_invalid_values_can_be_read(
    google: aiplatform_v1.JobServiceClient, app: Path
) -> None:
    document = job_document(app, "report")
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container["command"] = [sys.executable, "-I", "-S", "-c", NONSENSE]
    created = google.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=message_of(document))
    (trial,) = finished(google, created.name).trials
    assert [measurement.step_count for measurement in trial.measurements] == [1, 0]
