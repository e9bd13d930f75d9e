"""The tuning step that starts a service of its own, whose trials are Jobs of its namespace."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import JobState, TrialState
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps.own_service import STEP_LABEL, step_engine
from hydra_vertex.launcher.steps.pipeline_run import in_its_place
from hydra_vertex.launcher.steps.tune_input import run_id
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import parse_executor_input
from hydra_vertex.service.trials.engines.kubernetes.rights import RIGHTS, Right
from launcher.steps import inputs
from launcher.steps.kube_account import BIN, EXAMPLE, NOT_CONTAINERS, Account, account_of_tests, documents
from service.trials.engines.kubernetes.kube_cluster import until

PLACEHOLDERS = {
    "project": "{{$.pipeline_google_cloud_project_id}}",
    "location": "{{$.pipeline_google_cloud_location}}",
}

(ROLE,) = (item for item in documents(EXAMPLE / "namespace.yaml", "studies") if item["kind"] == "Role")
TEMPLATE = {"spec": {"affinity": NOT_CONTAINERS}}
LR = {"parameterId": "lr", "doubleValueSpec": {"minValue": 0.001, "maxValue": 0.9}, "scaleType": "UNIT_LOG_SCALE"}
STUDY = {"metrics": [{"metricId": "distance", "goal": "MINIMIZE"}], "parameters": [LR]}


def given(**changes: Any) -> Any:
    return parse_executor_input(inputs.executor_input(Path("/out"), "", ["python"], **changes))


@pytest.mark.parametrize("text", ["", "  "])
def test_without_an_engine_the_step_uses_a_service_that_exists(text: str) -> None:
    assert step_engine(given(engine=text)) is None
    assert step_engine(given()) is None


@pytest.mark.parametrize("text", ["kubernetes", '{"name": "kubernetes"}', ' {"name": "kubernetes", "settings": {}}'])
def test_the_engine_is_a_name_or_an_object(text: str) -> None:
    engine = step_engine(given(engine=text))
    assert engine is not None
    assert (engine.settings, engine.folder) == ({}, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("docker", "engine.name: a step of a pipeline can start kubernetes only, got 'docker'"),
        ('{"name": "slurm"}', "engine.name: a step of a pipeline can start kubernetes only, got 'slurm'"),
        ('{"settings": {}}', "engine.name: a step of a pipeline can start kubernetes only, got None"),
        ('{"name": "kubernetes", "config": {}}', "engine.config: unknown key; the keys are name, settings, folder"),
        ('{"name": "kubernetes", "settings": []}', "engine.settings: expected a JSON object, got []"),
        ('{"name": "kubernetes", "folder": "pvc"}', "engine.folder: expected an absolute path"),
        ('{"name": "kubernetes", "folder": 1}', "engine.folder: expected an absolute path"),
        ('{"name": ', "engine: not JSON"),
        (
            '{"name": "kubernetes", "settings": {"labels": {"hydra-vertex-step": "a"}}}',
            "engine.settings.labels.hydra-vertex-step: the step sets it itself",
        ),
        (
            '{"name": "kubernetes", "settings": {"podTemplate": {"metadata": {"labels": {"hydra-vertex-step": "a"}}}}}',
            "engine.settings.podTemplate.metadata.labels.hydra-vertex-step: the step sets it itself",
        ),
    ],
)
def test_another_engine_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        step_engine(given(engine=text))
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_endpoint", "http://127.0.0.1:1"),
        ("capacity_ladder", "[]"),
        ("existing_job", "projects/p/locations/l/hyperparameterTuningJobs/1"),
        ("on_stop", "detach"),
    ],
)
def test_what_a_service_of_the_step_does_not_have_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(DocumentError, match=f"^{name}: "):
        step_engine(given(engine="kubernetes", **{name: value}))


def test_project_and_location_need_not_be_given_outside_vertex_ai() -> None:
    assert in_its_place(given(**PLACEHOLDERS)).text("project") == "local"
    assert in_its_place(given(project="", location="x")).parameters["location"] == "x"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with account_of_tests(tmp_path_factory.mktemp("account")) as found:
        yield found


@pytest.fixture
def step(account: Account, tmp_path: Path) -> Callable[..., Step]:
    return lambda **changes: Step(account, tmp_path, **changes)


class Step:
    """A tuning step as a Job, as KFP starts it, for trials of the example's app."""

    def __init__(self, account: Account, folder: Path, code: str = "", study: str = "", **changes: Any) -> None:
        self.account, self.folder = account, folder
        self.name = f"step-{secrets.token_hex(4)}"
        settings = {"machines": {"small": {"requests": {"cpu": "10m"}}}, "podTemplate": TEMPLATE}
        container = {"imageUri": "localhost/none", "env": [{"name": "PATH", "value": f"{BIN}:/usr/bin:/bin"}]}
        if code:
            container["command"] = [sys.executable, "-c", code]
        pool = {"machineSpec": {"machineType": "small"}, "containerSpec": container}
        parameters = {
            **PLACEHOLDERS,
            "app_command": json.dumps(["python", str(EXAMPLE / "train.py")]),
            "study_spec": json.dumps(STUDY),
            "trial_job_spec": json.dumps({"workerPoolSpecs": [pool]}),
            "engine": json.dumps({"name": "kubernetes", "settings": settings, "folder": study}),
            **changes,
        }
        text = inputs.executor_input(folder, "", ["python"], **parameters)
        self.selector = f"{STEP_LABEL}={run_id(parse_executor_input(text))}"
        self.command = [str(BIN / "python"), "-m", "hydra_vertex.launcher.steps.tune", "--executor_input", text]

    def start(self, **spec: Any) -> None:
        self.account.start_job(self.name, self.command, {"TMPDIR": str(self.folder)}, **spec)

    def wait_for_trial(self) -> None:
        """Wait until a trial runs."""
        until(lambda: [job for job in self.account.jobs(self.selector) if job.status.active])

    def end(self) -> tuple[int, str]:
        """Return the exit code of the step, and its log."""
        pod = self.account.ended_pod(self.name)
        return pod.status.container_statuses[0].state.terminated.exit_code, self.account.log(pod)


def test_the_step_tunes_with_jobs_of_its_namespace_and_leaves_none(step: Callable[..., Step], tmp_path: Path) -> None:
    running = step()
    running.start()

    code, log = running.end()

    assert code == 0, log
    job = read_job(tmp_path / "job")
    assert job.state is JobState.SUCCEEDED
    assert len([trial for trial in job.trials if trial.final_measurement]) == 2
    assert "hyperparameterTuningJobs" in (tmp_path / "gcp_resources").read_text()
    until(lambda: not running.account.jobs(running.selector))


def test_the_step_finds_its_cluster_and_its_pod_in_a_container(
    step: Callable[..., Step], account: Account, tmp_path: Path
) -> None:
    running = step(code=WAITS, on_unsuccessful_job="select")
    account.start_container(running.name, running.command, tmp_path)
    running.wait_for_trial()

    (pod,) = account.pods_of(running.name)
    (owner, *_) = account.jobs(running.selector)[0].metadata.owner_references
    assert (owner.kind, owner.uid) == ("Pod", pod.metadata.uid)
    account.delete_job(running.name, "Background")
    until(lambda: not account.jobs(running.selector))


WAITS = "import time; time.sleep(600)"


def test_a_step_that_is_stopped_ends_its_trials(step: Callable[..., Step], account: Account) -> None:
    running = step(code=WAITS)
    running.start()
    running.wait_for_trial()

    account.delete_job(running.name, "Background")

    until(lambda: not account.jobs(running.selector))


def test_trials_end_with_the_pod_of_a_step_that_is_killed(step: Callable[..., Step], account: Account) -> None:
    running = step(code=WAITS)
    running.start()
    running.wait_for_trial()
    (pod,) = account.pods_of(running.name)
    (owner, *_) = account.jobs(running.selector)[0].metadata.owner_references
    assert (owner.kind, owner.uid) == ("Pod", pod.metadata.uid)

    account.delete_job(running.name, "Orphan")
    account.api.delete_namespaced_pod(pod.metadata.name, account.namespace, grace_period_seconds=0)

    until(lambda: not account.jobs(running.selector))


def kill_step(running: Step) -> None:
    """Kill the processes of a Pod at once: the service, which would end its trials without its step, and the step."""
    own = (str(running.folder).encode(), os.fsencode(running.command[-1]))
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes()
            if any(word in line for word in own) and b"hydra_vertex." in line:
                found.append((b"hydra_vertex.service" not in line, int(path.parent.name)))
    assert len(found) == 2, found
    for _, pid in sorted(found):
        os.kill(pid, signal.SIGKILL)


def test_a_retry_in_another_pod_begins_anew_and_deletes_the_jobs_of_the_first(
    step: Callable[..., Step], account: Account, tmp_path: Path
) -> None:
    first = step(code=WAITS)
    first.start()
    first.wait_for_trial()
    before = {job.metadata.uid for job in account.jobs(first.selector)}
    kill_step(first)
    account.ended_pod(first.name)
    assert {job.metadata.uid for job in account.jobs(first.selector)} == before
    shutil.rmtree(tmp_path / "hydra-vertex")  # another Pod has another /tmp
    (tmp_path / "gcp_resources").unlink(missing_ok=True)

    retry = step()
    retry.start()
    code, log = retry.end()

    assert code == 0, log
    assert log.count("of an earlier start of this step is deleted") == len(before)
    until(lambda: not account.jobs(first.selector))


def test_a_retry_with_its_folder_on_a_volume_goes_on_with_the_trials(
    step: Callable[..., Step], account: Account, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    code = f"""
import os, pathlib, time
while not pathlib.Path({str(done)!r}).exists(): time.sleep(0.1)
print("ended by itself")
"""
    first = step(code=code, study=str(tmp_path / "volume"))
    first.start()
    until(lambda: len([job for job in account.jobs(first.selector) if job.status.active]) == 2)
    before = {job.metadata.uid for job in account.jobs(first.selector)}
    kill_step(first)
    account.ended_pod(first.name)

    retry = step(code=code, study=str(tmp_path / "volume"), on_unsuccessful_job="select")
    retry.start()
    until(lambda: [pod for pod in account.pods_of(retry.name) if "study: " in account.log(pod)])
    assert {job.metadata.uid for job in account.jobs(first.selector)} == before
    done.touch()
    _, log = retry.end()

    job = read_job(tmp_path / "job")
    assert [trial.state for trial in job.trials] == [TrialState.INFEASIBLE] * 2, log
    assert "earlier start" not in log


@pytest.mark.parametrize("number", range(len(RIGHTS)))
def test_a_right_that_the_account_lacks_is_named_before_anything_starts(
    step: Callable[..., Step], account: Account, number: int
) -> None:
    missing = RIGHTS[number]
    rules = [
        {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
        for right in RIGHTS
        if right != missing
    ]
    running = step()
    account.set_rules(rules)
    try:
        running.start()
        code, log = running.end()
    finally:
        account.set_rules(ROLE["rules"])

    assert code == 2
    assert f"may not {missing} in the namespace {account.namespace}" in log
    assert not account.jobs(running.selector)


def test_the_role_of_the_example_has_the_rights_that_the_engine_uses_and_no_more() -> None:
    found = [
        Right(group, resource, verb)
        for rule in ROLE["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    assert sorted(map(str, found)) == sorted(map(str, RIGHTS))
