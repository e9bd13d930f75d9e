"""The arguments and environment with which a trial's process is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hydra_vertex.job import Trial, TrialState, parse_job
from hydra_vertex.protocol.environment import TrialEnvironment
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.status import Refusal
from hydra_vertex.service.trials.launch_spec import Host, Share, local_command, parameter_arguments, trial_environ
from service.harness import job_document
from service.optimizer.test_optimizer import MODEL

ENVIRONMENT = TrialEnvironment(trial_id="3", metric_file="/m", job_id="1")


def environ(service: dict[str, str], given: dict[str, str] | None = None, parallel: int = 2) -> dict[str, str]:
    host = Host(service, Path("/venv/bin"), cpu_count=8)
    return trial_environ(given or {}, ENVIRONMENT, Share(None, parallel), host)


def test_variables_that_identify_the_service_are_not_passed_to_a_trial() -> None:
    found = environ({"CLOUD_ML_TRIAL_ID": "9", "CLOUD_ML_HP_METRIC_TAG": "x", "AIP_MODEL_DIR": "gs://b", "HOME": "/h"})
    assert found["CLOUD_ML_TRIAL_ID"] == "3"
    assert found["HOME"] == "/h"
    assert {"CLOUD_ML_HP_METRIC_TAG", "AIP_MODEL_DIR"}.isdisjoint(found)


def test_a_variable_may_refer_to_one_of_the_trials_own() -> None:
    found = environ({"HOME": "/h"}, {"BEST": "trial-$(CLOUD_ML_TRIAL_ID)", "PLACE": "$(HOME)"})
    assert (found["BEST"], found["PLACE"]) == (f"trial-{ENVIRONMENT.trial_id}", "$(HOME)")


def test_the_folder_of_the_services_programs_is_last_on_the_path() -> None:
    assert environ({"PATH": "/usr/bin"})["PATH"] == "/usr/bin:/venv/bin"
    assert environ({"PATH": "/usr/bin"}, {"PATH": "/mine"})["PATH"] == "/mine:/venv/bin"


@pytest.mark.parametrize(
    ("command", "local"),
    [
        (("hydra-trial", "--", "python", "t.py"), ("/venv/bin/hydra-trial", "--", "python", "t.py")),
        (("python", "-m", "hydra_vertex.trial", "t.py"), ("/venv/bin/hydra-trial", "t.py")),
        (("python3", "-m", "hydra_vertex.trial", "t.py"), ("/venv/bin/hydra-trial", "t.py")),
        (("python", "t.py"), ("python", "t.py")),
        (("/opt/bin/hydra-trial", "t.py"), ("/opt/bin/hydra-trial", "t.py")),
        (("torchrun", "-m", "hydra_vertex.trial", "t.py"), ("torchrun", "-m", "hydra_vertex.trial", "t.py")),
        ((), ()),
    ],
)
def test_hydra_trial_is_the_services_own_and_every_other_program_that_of_the_path(
    command: tuple[str, ...], local: tuple[str, ...]
) -> None:
    assert local_command(command, Path("/venv/bin")) == local


@pytest.mark.parametrize(
    ("service", "given", "parallel", "threads"),
    [
        ({}, {}, 2, "4"),
        ({}, {}, 16, "1"),
        ({"OMP_NUM_THREADS": "7"}, {}, 2, "7"),
        ({"OMP_NUM_THREADS": "7"}, {"OMP_NUM_THREADS": "5"}, 2, "5"),
    ],
)
def test_trials_share_the_cpus_unless_the_user_sets_the_threads(
    service: dict[str, str], given: dict[str, str], parallel: int, threads: str
) -> None:
    assert environ(service, given, parallel)["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [
        ({"model": "linear", "lr": 0.5}, ("--model=linear", "--lr=0.5")),
        ({"lr": 0.5, "layers": 1.0, "model": "deep"}, ("--model=deep", "--layers=1", "--lr=0.5")),
        (
            {"model": "deep", "layers": 3.0, "batch": 16.0, "lr": 0.5},
            ("--model=deep", "--layers=3", "--batch=16.0", "--lr=0.5"),
        ),
    ],
)
def test_conditional_parameters_that_apply_follow_their_parents(
    tmp_path: Path, parameters: dict[str, float | str], arguments: tuple[str, ...]
) -> None:
    job = parse_job(job_document(tmp_path / "app", "report"))
    job = replace(job, study_spec=replace(job.study_spec, parameters=(MODEL,)))
    assert parameter_arguments(job, Trial("1", TrialState.ACTIVE, parameters)) == arguments


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("", "/s/jobs/7/output"),
        ("gs://bucket", "/s/gcs/bucket"),
        ("gs://bucket/a/b/", "/s/gcs/bucket/a/b"),
        ("/data/out", "/data/out"),
    ],
)
def test_an_output_uri_is_mapped_to_a_local_folder(uri: str, place: str) -> None:
    assert ServiceFolder(Path("/s")).output_base("7", uri) == Path(place)


@pytest.mark.parametrize(
    "uri", ["gs://", "gs:///etc", "gs://b/../../etc", "relative", "/a/../b", "s3://b/x", "gs://b/\0"]
)
def test_an_invalid_output_uri_is_refused(uri: str) -> None:
    with pytest.raises(Refusal, match="outputUriPrefix"):
        ServiceFolder(Path("/s")).output_base("7", uri)
