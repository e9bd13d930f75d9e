"""The logs of the trials in the folder of a run, and in the report that `hydra-vertex report` writes of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from hydra_vertex.cli.main import main
from hydra_vertex.job import HyperparameterTuningJob, save_job
from hydra_vertex.job.trial_job_spec import ContainerSpec, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.pipelines.local.run_folder import RunFolder, keep_trial_logs
from hydra_vertex.pipelines.local.run_logs import logs_beside
from hydra_vertex.protocol.secret_fingerprints import fingerprints
from launcher.jobs import make_job, make_trial
from launcher.report.page_logs import page_logs

NAME = "projects/local/locations/local/hyperparameterTuningJobs/11"
HIDDEN = "hunter2hunter2"


def study(**env: str) -> HyperparameterTuningJob:
    job = make_job([make_trial(1, 0.5), make_trial(2, 0.25), make_trial(3, None)], name=NAME)
    pool = WorkerPoolSpec(container=ContainerSpec("image", env=env))
    return dataclasses.replace(job, trial_job_spec=TrialJobSpec(worker_pools=(pool,)))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The folder of a run of which two trials have logs, with those of an earlier study."""
    found = RunFolder(tmp_path / "a run")
    for job, trial, text in (("11", "1", "10%\r20%\nfirst"), ("11", "2", f"key is {HIDDEN}"), ("7", "3", "other")):
        place = found.studies / "jobs" / job / "trials" / trial
        place.mkdir(parents=True)
        (place / "log.txt").write_text(text)
    digests = fingerprints([HIDDEN], "salt")
    (found.studies / "jobs/11/trials/2/fingerprints.json").write_text(json.dumps(digests))
    found.plan.write_text("{}")
    keep_trial_logs(found, "11")
    return found


def test_the_logs_are_those_of_the_runs_study_without_the_secrets_that_trials_have_read(folder: RunFolder) -> None:
    found = logs_beside(folder.job, study())

    assert found is not None
    assert found.ends == {"1": "20%\nfirst", "2": "key is ***"}
    assert found.note == "The whole logs are a run/logs/trial-N.log."
    assert logs_beside(folder.studies / "service.db", study()) == found


def test_the_whole_logs_of_a_run_that_was_killed_are_in_the_folder_of_its_service(folder: RunFolder) -> None:
    shutil.rmtree(folder.path / "logs")
    found = logs_beside(folder.studies / "service.db", study())

    assert found is not None
    assert found.note == "The whole logs are a run/studies/jobs/11/trials/N/log.txt."


def test_without_the_folder_of_the_service_the_logs_of_the_run_are_read(folder: RunFolder) -> None:
    shutil.rmtree(folder.studies)
    found = logs_beside(folder.job, study())

    assert found is not None
    assert found.ends == {"1": "20%\nfirst", "2": f"key is {HIDDEN}"}


def test_without_the_folder_of_the_service_a_log_may_have_a_secret_that_a_trial_has_read(folder: RunFolder) -> None:
    shutil.rmtree(folder.studies)
    found = logs_beside(folder.job, study(KEY="projects/p/secrets/key"))

    assert found is not None
    assert not found.ends
    assert "a run/studies, by which these are recognised in a log, is missing" in found.note


def test_a_job_outside_of_a_run_has_no_logs_beside_it(folder: RunFolder) -> None:
    folder.plan.unlink()

    assert logs_beside(folder.job, study()) is None


def test_the_report_of_the_folder_of_a_run_has_its_logs(folder: RunFolder) -> None:
    save_job(study(), folder.job)
    assert main(["report", str(folder.path), "-o", str(folder.report)]) == 0
    page = folder.report.read_text()

    assert page_logs(page) == {"ends": {"2": "key is ***", "1": "20%\nfirst"}, "leftOut": []}
    assert "The whole logs are a run/logs/trial-N.log." in page


def test_the_report_of_a_document_of_vertex_names_cloud_logging(tmp_path: Path) -> None:
    name = "projects/p/locations/europe-west4/hyperparameterTuningJobs/8"
    save_job(make_job([make_trial(1, 0.5), make_trial(2, 0.25)], name=name), tmp_path / "job.json")
    assert main(["report", str(tmp_path / "job.json"), "-o", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()

    assert page_logs(page) == {}
    assert "resource.labels.job_id=&#34;8&#34;" in page
