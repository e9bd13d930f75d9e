"""The commands that refer to a job, against the embedded service, with Google's client over REST."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.cli.main import main
from hydra_vertex.job import ContainerSpec, JobState, TrialJobSpec, TrialState, WorkerPoolSpec, save_job
from hydra_vertex.launcher.study.client import JobService, connect
from hydra_vertex.service.start import ServiceProcess, start_service
from json_schemas import printed_document
from launcher.jobs import make_job, make_trial
from service.harness import wait_until

PARENT = "projects/p/locations/l"
PLACE = ("--project", "p", "--location", "l")
LINE = '{"val/loss": "0.5", "global_step": "1", "trial": "1", "timestamp": 0}'
SUCCEEDS = f"printf '%s\\n' '{LINE}' > $CLOUD_ML_HP_METRIC_FILE"
WAITS = "exec sleep 300"
CANCEL_FORM = {"schema": "urn:hydra-vertex:cancel:1.0"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    with start_service(folder / "studies", folder / "log", 30.0) as running:
        yield running


@pytest.fixture(scope="module")
def jobs(service: ServiceProcess) -> JobService:
    return connect("l", service.url)


@pytest.fixture(scope="module")
def succeeded(jobs: JobService) -> str:
    return ended(jobs, create(jobs, SUCCEEDS, display_name="good"))


@pytest.fixture
def waiting(jobs: JobService) -> Iterator[str]:
    name = create(jobs, WAITS, display_name="waiting")
    wait_until(lambda: any(trial.state is TrialState.ACTIVE for trial in jobs.get(name).trials))
    yield name
    jobs.cancel(name)
    ended(jobs, name)


def create(jobs: JobService, script: str, **changes: Any) -> str:
    container = ContainerSpec(image_uri="local", command=("/bin/sh", "-c", script))
    pool = WorkerPoolSpec(container=container, machine={"machineType": "local"})
    counts: dict[str, Any] = {"max_trial_count": 2, "parallel_trial_count": 2, "max_failed_trial_count": 2}
    job = make_job(state=JobState.UNSPECIFIED, start_time=None, **counts)
    spec = TrialJobSpec(worker_pools=(pool,))
    return jobs.create(PARENT, dataclasses.replace(job, trial_job_spec=spec, **changes)).name


def ended(jobs: JobService, name: str) -> str:
    wait_until(lambda: jobs.get(name).state.is_terminal)
    return name


def number(name: str) -> str:
    return name.rpartition("/")[2]


def resources(service: ServiceProcess, name: str) -> str:
    uri = f"{service.url}/v1/{name}"
    return json.dumps({"resources": [{"resourceType": "HyperparameterTuningJob", "resourceUri": uri}]})


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return printed_document(capsys.readouterr().out)


def test_a_job_is_found_by_every_form_of_reference(
    service: ServiceProcess, succeeded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = f"https://console.cloud.google.com/vertex-ai/locations/l/training/{number(succeeded)}?project=p"
    (tmp_path / "gcp_resources").write_text(resources(service, succeeded))
    (tmp_path / "name.txt").write_text(f"{succeeded}\n")
    forms: list[tuple[str, ...]] = [
        (succeeded, "--endpoint", service.url),
        (succeeded, "--api-endpoint", f"{service.url}/"),
        (number(succeeded), *PLACE, "--endpoint", service.url),
        (page, "--endpoint", service.url),
        (f"{service.url}/v1/{succeeded}",),
        (resources(service, succeeded),),
        (str(tmp_path / "gcp_resources"),),
        (str(tmp_path / "name.txt"), "--endpoint", service.url),
    ]
    for form in forms:
        assert main(["status", *form, "--json"]) == 0, form
        document = shown(capsys)
        assert (document["name"], document["state"]) == (succeeded, "JOB_STATE_SUCCEEDED")
        assert document["trials"] == {"SUCCEEDED": 2}
        assert (document["best"]["trial"], document["best"]["value"]) == ("1", 0.5)


@pytest.mark.parametrize("kind", ["document", "gcp_resources", "name"])
def test_a_job_is_read_from_standard_input(
    kind: str,
    service: ServiceProcess,
    succeeded: str,
    jobs: JobService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_job(jobs.get(succeeded), tmp_path / "job.json")
    texts = {
        "document": (tmp_path / "job.json").read_text(),
        "gcp_resources": resources(service, succeeded),
        "name": succeeded,
    }
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(texts[kind].encode())))

    assert main(["status", "-", "--endpoint", service.url, "--json"]) == 0
    assert shown(capsys)["name"] == succeeded


def test_the_folder_of_a_run_is_its_job_document(
    jobs: JobService, succeeded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_job(jobs.get(succeeded), tmp_path / "job.json")

    assert main(["status", str(tmp_path)]) == 0

    output = capsys.readouterr().out
    assert succeeded in output
    assert "as of" in output
    assert "job.json" in output
    assert "not the service" not in output  # it has ended, so no service has a newer state


def test_the_folder_of_a_run_in_progress_is_the_newest_job_of_its_service(
    service: ServiceProcess, waiting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run_in_progress(tmp_path, service)

    assert main(["status", str(tmp_path), "--json"]) == 0
    assert shown(capsys)["name"] == waiting


def test_a_report_of_a_run_in_progress_is_that_of_its_study_also_during_the_repeats(
    service: ServiceProcess, jobs: JobService, waiting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run_in_progress(tmp_path, service)
    repeats = create(jobs, WAITS, labels={"hydra_vertex_confirms": number(waiting)})

    assert main(["status", str(tmp_path), "--json"]) == 0
    assert shown(capsys)["name"] == repeats
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "report.html")]) == 0
    assert "trials of waiting" in capsys.readouterr().out
    jobs.cancel(repeats)
    ended(jobs, repeats)


def write_run_in_progress(folder: Path, service: ServiceProcess) -> None:
    (folder / "studies").mkdir()
    (folder / "studies" / "service.json").write_text(json.dumps({"pid": service.pid, "url": service.url}))
    (folder / "plan.json").write_text(json.dumps({"project": "p", "location": "l"}))
    (folder / "job.json").write_text("{}")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[", "http://127.0.0.1:x", "http://127.0.0.1:70000"])
def test_a_run_whose_service_was_killed_is_its_job_document(
    jobs: JobService, succeeded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    save_job(jobs.get(succeeded), tmp_path / "job.json")
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "service.json").write_text(json.dumps({"pid": 1, "url": url}))
    (tmp_path / "plan.json").write_text(json.dumps({"project": "p", "location": "l"}))

    assert main(["status", str(tmp_path), "--json"]) == 0
    assert shown(capsys)["name"] == succeeded


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("status", "docs"), "docs: is no file here, and does not name a tuning job"),
        (("status", "none.json"), "none.json: cannot be read as a job (No such file or directory)"),
        (("status", "."), ".: is a folder without job.json, and no run is in progress in it"),
        (("cancel", "nameless.json"), "nameless.json: the document has no resource name (name)"),
        (("watch", "several.json"), "several.json: is a list of 2 documents, not one"),
        (("watch", f"{PARENT}/hyperparameterTuningJobs/1"), "location 'l' is not a Google Cloud region"),
        (("list", *PLACE), "location 'l' is not a Google Cloud region"),
        (("status", "1", "--endpoint", "127.0.0.1:80"), "'127.0.0.1:80': expected a URL without a path"),
        (("status", f"{PARENT}/hyperparameterTuningJobs/1", "--endpoint", "http://10.0.0.1"), "plain http is allowed"),
        (("list", *PLACE, "--endpoint", "http://127.0.0.1:9", "--limit", "0"), "expected a whole number from 1"),
    ],
)
def test_what_names_no_job_is_refused_in_one_line(
    arguments: tuple[str, ...],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save_job(make_job(), tmp_path / "nameless.json")
    (tmp_path / "several.json").write_text("[{}, {}]")

    assert code_of(arguments) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert expected in output.err
    assert len(output.err.splitlines()) == 1


def code_of(arguments: tuple[str, ...]) -> int:
    try:
        return main(list(arguments))
    except SystemExit as ended_by_parser:
        return int(str(ended_by_parser.code))


def test_a_job_that_the_service_does_not_have_is_an_error_of_the_service(
    service: ServiceProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{PARENT}/hyperparameterTuningJobs/9"

    assert main(["status", name, "--endpoint", service.url]) == 1
    printed = capsys.readouterr().err
    assert f"reading {name}: the service answered 404 " in printed
    assert "http://" not in printed


@pytest.mark.usefixtures("succeeded")
def test_list_shows_the_jobs_that_the_filter_selects(
    service: ServiceProcess, waiting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("list", *PLACE, "--endpoint", service.url)

    assert main([*place, "--json", "--filter", 'state="JOB_STATE_RUNNING"']) == 0
    document = shown(capsys)
    assert [job["name"] for job in document["jobs"]] == [waiting]
    assert document["isComplete"] is True
    assert main([*place, "--limit", "1"]) == 0
    output = capsys.readouterr()
    assert "waiting" in output.out
    assert "good" not in output.out
    assert "there are more jobs; give a larger --limit than 1" in output.err
    assert main([*place, "--filter", 'display_name="none"']) == 0
    assert capsys.readouterr().out == f"{PARENT} has no tuning job that the filter selects\n"


def test_cancel_waits_until_the_job_has_ended(
    service: ServiceProcess, jobs: JobService, waiting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cancel", waiting, "--endpoint", service.url]) == 0

    assert capsys.readouterr().out == f"{waiting} is cancelled; 2 trials were running\n"
    assert jobs.get(waiting).state is JobState.CANCELLED
    assert main(["cancel", waiting, "--endpoint", service.url, "--json"]) == 0
    assert shown(capsys) == {
        "name": waiting,
        "before": "JOB_STATE_CANCELLED",
        "after": "JOB_STATE_CANCELLED",
        **CANCEL_FORM,
    }


def test_cancel_says_that_a_job_had_ended_already(
    service: ServiceProcess, succeeded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cancel", succeeded, "--endpoint", service.url]) == 0

    expected = f"{succeeded} had ended already (JOB_STATE_SUCCEEDED); nothing was cancelled\n"
    assert capsys.readouterr().out == expected


def stubborn_job(jobs: JobService, folder: Path) -> str:
    """Create a job whose trials do not end by SIGTERM, and wait until they ignore it."""
    ready = f"trap '' TERM; touch {folder}/$CLOUD_ML_TRIAL_ID"
    name = create(jobs, f"{ready}; while :; do sleep 0.1; done", display_name="stubborn")
    wait_until(lambda: len(list(folder.iterdir())) == 2)
    return name


def test_a_signal_ends_the_wait_of_cancel_and_what_happens_to_the_job_is_said(
    service: ServiceProcess, jobs: JobService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = stubborn_job(jobs, tmp_path)

    def stop_when_asked() -> None:
        wait_until(lambda: jobs.get(name).state.is_ending)
        os.kill(os.getpid(), signal.SIGINT)

    stopping = threading.Thread(target=stop_when_asked)
    stopping.start()
    code = main(["cancel", name, "--endpoint", service.url])
    stopping.join()

    assert code == 130
    error = capsys.readouterr().err
    assert error.startswith("hydra-vertex: stopped waiting; ")
    assert error.endswith(f"See `hydra-vertex status {name}`\n")


@pytest.mark.parametrize(("wait_s", "code"), [("0", 0), ("1", 1)])
def test_a_cancelled_job_that_does_not_end_in_time_fails_a_command_that_waits_for_it(
    wait_s: str,
    code: int,
    service: ServiceProcess,
    jobs: JobService,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = stubborn_job(jobs, tmp_path)

    assert main(["cancel", name, "--endpoint", service.url, "--wait", wait_s]) == code

    output = capsys.readouterr()
    assert f"{name} was asked to end, and is JOB_STATE_CANCELLING" in output.out + output.err


def test_watch_ends_with_the_job_and_its_exit_code_says_how_it_ended(
    service: ServiceProcess, jobs: JobService, succeeded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = create(jobs, "echo no memory; exit 3", display_name="bad", max_failed_trial_count=1)

    assert main(["watch", failed, "--endpoint", service.url]) == 1
    assert f"{failed} ended as JOB_STATE_FAILED" in capsys.readouterr().err
    assert main(["watch", succeeded, "--endpoint", service.url]) == 0
    output = capsys.readouterr()
    assert output.out.startswith(f"{succeeded}: JOB_STATE_SUCCEEDED, 2 of 2 trials, 0 running, best val/loss 0.5")
    assert "trial 1 SUCCEEDED" in output.err


@pytest.mark.parametrize(("state", "code"), [(JobState.SUCCEEDED, 0), (JobState.FAILED, 1)])
def test_watch_of_a_finished_run_needs_no_service(
    state: JobState, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "projects/local/locations/local/hyperparameterTuningJobs/1"
    save_job(make_job([make_trial(1, 0.5)], state=state, name=name), tmp_path / "job.json")

    assert main(["watch", str(tmp_path)]) == code

    output = capsys.readouterr()
    assert f"{name}: {state.value}" in output.out or f"{name} ended as {state.value}" in output.err
    assert "console" not in output.err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_watching_and_not_the_job(
    signum: signal.Signals, service: ServiceProcess, jobs: JobService, waiting: str
) -> None:
    command = [sys.executable, "-m", "hydra_vertex.cli.main", "watch", waiting, "--endpoint", service.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stderr is not None
        assert "trial" in watching.stderr.readline()
        os.kill(watching.pid, signum)
        rest = watching.stderr.read()

    assert watching.returncode == 130
    assert f"stopped watching {waiting}; the job goes on. To watch it again: hydra-vertex watch {waiting}" in rest
    assert jobs.get(waiting).state is JobState.RUNNING


def test_a_report_is_made_of_a_running_job_by_its_name(
    service: ServiceProcess, waiting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.html"

    assert main(["report", waiting, "--endpoint", service.url, "-o", str(output)]) == 0
    assert "waiting" in output.read_text()
    assert capsys.readouterr().out == f"{output}: 2 trials of waiting\n"


def test_best_selects_from_a_job_by_its_name_and_says_when_the_job_goes_on(
    service: ServiceProcess, succeeded: str, waiting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ("--endpoint", service.url, "-o", str(tmp_path / "best.yaml"))

    assert main(["best", succeeded, *output]) == 2
    assert "its container command has no `hydra-trial … --`" in capsys.readouterr().err
    assert main(["best", waiting, *output]) == 1
    error = capsys.readouterr().err
    assert f"{waiting} is JOB_STATE_RUNNING: the best trial so far is selected" in error
    assert "no trial to select" in error


def test_status_shows_the_error_the_counts_and_the_places_of_a_job_on_google_cloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "projects/p/locations/europe-west4/hyperparameterTuningJobs/123"
    trials = [make_trial(1, 0.25), make_trial(2, None, TrialState.INFEASIBLE, "no memory"), make_trial(3, 0.5)]
    save_job(make_job(trials, name=name, state=JobState.EXPIRED), tmp_path / "job.json")

    assert main(["status", str(tmp_path / "job.json")]) == 0

    output = capsys.readouterr().out
    for expected in (
        "JOB_STATE_EXPIRED",
        "2 SUCCEEDED, 1 INFEASIBLE; at most 12, 2 at once",
        "trial 1: val/loss = 0.25  optimizer.lr=0.003 model.depth=4 model.activation=gelu",
        "https://console.cloud.google.com/ai/platform/locations/europe-west4/training/123?project=p",
        'resource.labels.job_id="123"',
    ):
        assert expected in output


@pytest.mark.parametrize("text", ["state=", "no_such_field=1", "(("])
def test_an_invalid_filter_is_refused_by_name(
    service: ServiceProcess, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert main(["list", *PLACE, "--endpoint", service.url, "--filter", text]) == 2

    printed = capsys.readouterr().err
    assert printed.startswith(f"hydra-vertex: --filter {text}: listing the tuning jobs of {PARENT}: the service ")
    assert printed.endswith("; change the filter\n")
    assert "http://" not in printed
