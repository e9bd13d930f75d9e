"""Trials as runs of a Vertex Experiment: written with Google's client, read again with Google's SDK."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from hydra_vertex.job import Trial, TrialState
from hydra_vertex.launcher.secrets.masker import NO_SECRETS, Masker
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.study import experiment_log
from hydra_vertex.launcher.study.experiment_log import log_experiment
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.protocol.errors import ServiceError, UserError
from launcher.jobs import make_job, make_trial
from launcher.study.metadata_service import Metadata, metadata_service

STORE = "projects/p/locations/europe-west4/metadataStores/default"
NAME = "projects/p/locations/europe-west4/hyperparameterTuningJobs/77"
TRIALS = (make_trial(1, 0.5), make_trial(2, None, TrialState.INFEASIBLE, "out of memory"))


@pytest.fixture
def service() -> Iterator[Metadata]:
    with metadata_service() as service:
        yield service


def log(service: Metadata, trials: tuple[Trial, ...] = TRIALS, mask: Masker = NO_SECRETS) -> str:
    return log_experiment(make_job(trials, name=NAME), "tuning", mask, service.url)


def test_each_trial_becomes_a_run_of_the_experiment(service: Metadata) -> None:
    assert log(service) == "2 trials are logged as runs of the experiment tuning"

    experiment = service.contexts[f"{STORE}/contexts/tuning"]
    assert experiment["schemaTitle"] == "system.Experiment"
    assert experiment["metadata"] == {"experiment_deleted": False}
    runs = [f"{STORE}/contexts/tuning-77-trial-{number}" for number in (1, 2)]
    assert service.children == {f"{STORE}/contexts/tuning": runs}
    first, second = (service.contexts[name] for name in runs)
    assert first["schemaTitle"] == "system.ExperimentRun"
    assert first["displayName"] == "77-trial-1"
    assert first["metadata"] == {
        "_params": dict(TRIALS[0].parameters),
        "_metrics": {"val/loss": 0.5},
        "_state": "COMPLETE",
    }
    assert (second["metadata"]["_metrics"], second["metadata"]["_state"]) == ({}, "FAILED")
    assert service.stores == {STORE}


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_service_on_this_machine_is_reached_without_the_proxy_of_the_environment(
    service: Metadata, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert log(service) == "2 trials are logged as runs of the experiment tuning"


def test_a_second_log_changes_the_runs_of_the_first_and_adds_none(service: Metadata) -> None:
    log(service)
    before = set(service.contexts)
    service.calls.clear()
    better = dataclasses.replace(TRIALS[0], final_measurement=make_trial(1, 0.25).final_measurement)

    log(service, (better, TRIALS[1]))

    assert set(service.contexts) == before
    assert service.contexts[f"{STORE}/contexts/tuning-77-trial-1"]["metadata"]["_metrics"] == {"val/loss": 0.25}
    assert [call for call in service.calls if call.startswith("PATCH")] == [
        "PATCH europe-west4/metadataStores/default/contexts/tuning-77-trial-1"
    ]
    assert len(service.children[f"{STORE}/contexts/tuning"]) == 2


def test_nothing_else_of_existing_contexts_is_changed(service: Metadata) -> None:
    log(service)
    experiment, run = f"{STORE}/contexts/tuning", f"{STORE}/contexts/tuning-77-trial-1"
    service.contexts[experiment]["metadata"]["backing_tensorboard_resource"] = "tensorboards/1"
    service.contexts[run]["metadata"] = {"_custom_jobs": "x", "_params": {}}

    log(service)

    assert service.contexts[experiment]["metadata"]["backing_tensorboard_resource"] == "tensorboards/1"
    assert service.contexts[run]["metadata"]["_custom_jobs"] == "x"
    assert service.contexts[run]["metadata"]["_metrics"] == {"val/loss": 0.5}


def test_a_context_of_another_kind_is_left_alone(service: Metadata) -> None:
    log(service)
    service.contexts[f"{STORE}/contexts/tuning"]["schemaTitle"] = "system.Pipeline"

    with pytest.raises(ServiceError, match=r"exists and is a system\.Pipeline, not a system\.Experiment"):
        log(service)


def test_googles_sdk_reads_the_runs(service: Metadata) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.aiplatform.metadata import context
    from google.cloud.aiplatform.metadata.experiment_run_resource import ExperimentRun

    log(service)
    node = context.Context.__new__(context.Context)
    from google.cloud import aiplatform_v1

    client = aiplatform_v1.MetadataServiceClient(
        client_options={"api_endpoint": service.url}, transport="rest", credentials=AnonymousCredentials()
    )
    node._gca_resource = client.get_context(name=f"{STORE}/contexts/tuning-77-trial-1")
    row = ExperimentRun._query_experiment_row(node, include_time_series=False)

    assert row.name == "77-trial-1"
    assert row.params == dict(TRIALS[0].parameters)
    assert row.metrics == {"val/loss": 0.5}
    assert row.state == "COMPLETE"


def test_a_secret_parameter_is_masked(service: Metadata) -> None:
    trial = dataclasses.replace(TRIALS[0], parameters={"db.password": "hunter2hunter2", "lr": 0.5})
    job = make_job([trial], name=NAME)

    log_experiment(job, "tuning", masker_of(job, {}), service.url)

    assert service.contexts[f"{STORE}/contexts/tuning-77-trial-1"]["metadata"]["_params"] == {
        "db.password": "***",
        "lr": 0.5,
    }


def test_many_trials_are_added_in_several_requests(service: Metadata) -> None:
    log(service, tuple(make_trial(number, 0.5) for number in range(1, 103)))

    adds = [call for call in service.calls if call.endswith(":addContextChildren")]
    assert len(adds) == 2
    assert len(service.children[f"{STORE}/contexts/tuning"]) == 102


@pytest.mark.parametrize("name", ["", "Tuning", "-a", "a_b", "a" * 91])
def test_a_name_that_vertex_refuses_is_refused_here(service: Metadata, name: str) -> None:
    with pytest.raises(UserError, match="lower-case letters, digits and hyphens"):
        log_experiment(make_job(TRIALS, name=NAME), name, NO_SECRETS, service.url)
    assert service.calls == []


def test_a_job_without_a_name_is_refused(service: Metadata) -> None:
    with pytest.raises(UserError, match="no resource name of a tuning job"):
        log_experiment(make_job(TRIALS), "tuning", NO_SECRETS, service.url)


@pytest.mark.parametrize(("status", "text"), [(403, "403"), (501, "501"), (503, "503")])
def test_a_service_that_refuses_is_an_error_of_the_service(
    service: Metadata, monkeypatch: pytest.MonkeyPatch, status: int, text: str
) -> None:
    monkeypatch.setattr(experiment_log, "LIMITS", RetryLimits(total_s=0.2, first_wait_s=0.01))
    service.refuse = status

    with pytest.raises(ServiceError, match=text):
        log(service)
