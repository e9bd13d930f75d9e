"""The logs of a study's trials from its service, and where they are when no service here has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.job import parse_job
from hydra_vertex.launcher.logs.from_service import IN_FULL, logs_of
from hydra_vertex.launcher.logs.study_logs import StudyLogs
from launcher.jobs import make_job, make_trial
from service.harness import Client, job_document, serving

VERTEX = "projects/p/locations/europe-west4/hyperparameterTuningJobs/7"
QUERY = 'resource.type="ml_job" AND resource.labels.job_id="7"'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("service") / "studies") as client:
        yield client


def url_of(client: Client) -> str:
    return str(client.http.base_url).removesuffix("/v1/")


def test_the_service_of_a_study_has_the_logs_of_all_trials(client: Client, tmp_path: Path) -> None:
    job = parse_job(client.run(job_document(tmp_path / "app", "crash", trials=2)))

    assert logs_of(job, url_of(client)) == StudyLogs({"1": "boom", "2": "boom"}, IN_FULL)


def test_a_trial_that_the_service_does_not_know_is_said_and_the_logs_before_it_are_kept(
    client: Client, tmp_path: Path
) -> None:
    job = parse_job(client.run(job_document(tmp_path / "app", "crash")))
    job = dataclasses.replace(job, trials=(*job.trials, make_trial(9, None), make_trial(10, None)))

    found = logs_of(job, url_of(client))

    assert found.ends == {"1": "boom"}
    assert found.note.startswith("The tuning service does not return all logs: it answers 404 to a request for a log. ")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://example.com"])
def test_a_service_that_cannot_be_read_is_one_sentence(endpoint: str) -> None:
    found = logs_of(make_job([make_trial(1, 0.5)], name=VERTEX), endpoint)

    assert not found.ends
    assert found.note.startswith("The tuning service does not return all logs: ")


@pytest.mark.parametrize("endpoint", ["", "https://europe-west4-private.example.com"])
def test_the_logs_of_a_job_on_vertex_are_in_cloud_logging(endpoint: str) -> None:
    found = logs_of(make_job([make_trial(1, 0.5)], name=VERTEX), endpoint)

    assert found == StudyLogs(note=f"The logs of the trials are in Cloud Logging, with the query {QUERY}")


@pytest.mark.parametrize("name", ["", "projects/p/locations/local/hyperparameterTuningJobs/7", "projects/p"])
def test_the_logs_of_any_other_job_are_where_it_ran(name: str) -> None:
    assert logs_of(make_job(name=name)).note.startswith("The logs of the trials are not with this job document")
