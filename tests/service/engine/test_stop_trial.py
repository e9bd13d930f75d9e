"""The methods of one trial that Google's API does not have: `:stop` and `:log`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.launcher.study.client import connect
from service.harness import Client, is_running, job_document, pid_of, release, started, wait_until

STOPPED = "stopped by the user"


def status_of(client: Client, method: str, path: str) -> str:
    answer = client.http.request(method, path)
    return str(answer.json().get("error", {}).get("status", "OK"))


def test_a_running_trial_is_stopped_with_the_value_that_it_has_reported(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "good-then-bad", trials=6))
    wait_until(
        lambda: len(client.get(name).get("trials", ())) == 6 and client.get(name)["trials"][5].get("measurements")
    )
    wait_until(lambda: len(client.get(name)["trials"][5]["measurements"]) == 2)
    assert status_of(client, "POST", f"{name}/trials/6:stop") == "OK"
    job = client.finished(name)
    stopped = job["trials"][-1]

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert (stopped["state"], stopped["stoppingReason"]) == ("SUCCEEDED", STOPPED)
    assert stopped["finalMeasurement"]["stepCount"] == "2"
    assert not is_running(pid_of(app, "6"))
    launcher = connect("l", str(client.http.base_url).removesuffix("/v1/"))
    assert [trial.stopping_reason for trial in launcher.get(name).trials] == [*[""] * 5, STOPPED]


def test_a_trial_without_a_value_is_infeasible_and_the_study_goes_on(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "gated", trials=2))
    wait_until(lambda: started(app) == ["1"])
    assert status_of(client, "POST", f"{name}/trials/1:stop") == "OK"
    wait_until(lambda: started(app) == ["1", "2"])
    release(app, "2")
    first, second = client.finished(name)["trials"]
    assert (first["state"], second["state"]) == ("INFEASIBLE", "SUCCEEDED")
    assert STOPPED in first["infeasibleReason"]


@pytest.mark.parametrize("verb", ["POST :stop", "GET :log"])
@pytest.mark.parametrize("trial", ["2", "x", "0", "1-1", "99999999999999999999"])
def test_an_unknown_trial_is_not_found(client: Client, app: Path, verb: str, trial: str) -> None:
    name = client.run(job_document(app, "report"))["name"]
    method, end = verb.split()
    assert status_of(client, method, f"{name}/trials/{trial}{end}") == "NOT_FOUND"
    assert status_of(client, method, f"{name}x/trials/1{end}") == "NOT_FOUND"
    assert status_of(client, method, f"{name}/trials/1{end}?x=1") == "INVALID_ARGUMENT"


def test_an_ended_trial_is_not_stopped(client: Client, app: Path) -> None:
    name = client.run(job_document(app, "report"))["name"]
    assert status_of(client, "POST", f"{name}/trials/1:stop") == "FAILED_PRECONDITION"


def test_the_log_of_a_trial_is_plain_text_while_it_runs_and_afterwards(client: Client, app: Path) -> None:
    name = client.run(job_document(app, "crash"))["name"]
    assert client.http.get(f"{name}/trials/1:log").json() == {"log": "boom"}
    running = client.create(job_document(app, "gated"))
    wait_until(lambda: bool(client.get(running).get("trials")))
    assert client.http.get(f"{running}/trials/1:log").json() == {"log": ""}
    wait_until(lambda: bool(started(app)))
    release(app, "1")
    client.finished(running)
