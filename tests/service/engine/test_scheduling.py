"""Scheduling of trials: never more at once than allowed, and each starts as soon as a slot is free."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.service.devices.resource_options import ResourceOptions
from service.harness import Client, events, is_running, job_document, pid_of, release, serving, started, wait_until


def most_at_once(folder: Path) -> int:
    running, most = set[str](), 0
    for event, trial, _ in events(folder):
        running = running | {trial} if event == "start" else running - {trial}
        most = max(most, len(running))
    return most


def test_each_end_makes_room_for_one_trial_while_others_still_run(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "gated", trials=4, parallel=2))
    wait_until(lambda: sorted(started(app)) == ["1", "2"])
    release(app, "2")
    wait_until(lambda: started(app)[2:] == ["3"])
    release(app, "3")
    wait_until(lambda: started(app)[3:] == ["4"])
    assert {trial["id"]: trial["state"] for trial in client.get(name)["trials"]} == {
        "1": "ACTIVE",
        "2": "SUCCEEDED",
        "3": "SUCCEEDED",
        "4": "ACTIVE",
    }
    release(app, "1", "4")
    assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"
    assert most_at_once(app) == 2


def test_no_more_trials_run_at_once_than_the_job_allows(client: Client, app: Path) -> None:
    client.run(job_document(app, "report", trials=20, parallel=3))
    assert sorted(map(int, started(app))) == list(range(1, 21))
    assert most_at_once(app) <= 3


def test_two_jobs_run_side_by_side(client: Client, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    names = [client.create(job_document(folder, "gated")) for folder in folders]
    for folder, name in zip(reversed(folders), reversed(names), strict=True):
        release(folder, "1")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_too_many_failed_trials_end_the_job_and_its_running_trials(client: Client, app: Path) -> None:
    document = job_document(app, "mixed", trials=6, parallel=2, maxFailedTrialCount=2)
    job = client.run(document)
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["error"]["code"] == 9
    assert job["error"]["message"].startswith("2 of ")
    assert len(job["trials"]) < 6
    assert all(trial["state"] in {"SUCCEEDED", "INFEASIBLE"} for trial in job["trials"])


def test_a_cancelled_job_ends_its_trials_and_keeps_their_measurements(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "gated", trials=5, parallel=2))
    release(app, "1")
    wait_until(lambda: sorted(started(app)) == ["1", "2", "3"])
    client.cancel(name)
    client.cancel(name)
    job = client.finished(name)
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert {t["id"]: t.get("infeasibleReason", t["state"]) for t in job["trials"]} == {
        "1": "SUCCEEDED",
        "2": "ended because the job was cancelled",
        "3": "ended because the job was cancelled",
    }
    assert not is_running(pid_of(app, "2"))
    assert not is_running(pid_of(app, "3"))


def test_a_grid_search_runs_each_point_once(client: Client, app: Path) -> None:
    document = job_document(app, "report", trials=9, parallel=2)
    document["studySpec"]["algorithm"] = "GRID_SEARCH"
    document["studySpec"]["parameters"] = [
        {"parameterId": "x", "discreteValueSpec": {"values": [1, 2]}},
        {"parameterId": "y", "integerValueSpec": {"minValue": 1, "maxValue": 2}},
    ]
    job = client.run(document)
    points = [tuple(p["value"] for p in trial["parameters"]) for trial in job["trials"]]
    assert points == [(1, 1), (1, 2), (2, 1), (2, 2)]


def running(folder: Path) -> list[str]:
    ended = {trial for event, trial, _ in events(folder) if event == "end"}
    return [trial for trial in started(folder) if trial not in ended]


@pytest.mark.parametrize("places", [4, 12])
def test_ten_studies_share_the_slots_evenly(studies: Path, tmp_path: Path, places: int) -> None:
    holder, folders = tmp_path / "holder", [tmp_path / str(number) for number in range(10)]
    with serving(studies, ResourceOptions(max_parallel=places)) as client:
        held = client.create(job_document(holder, "gated", trials=places, parallel=places))
        wait_until(lambda: len(started(holder)) == places)
        names = [client.create(job_document(folder, "gated", trials=4, parallel=4)) for folder in folders]
        release(holder, *started(holder))
        client.finished(held)
        wait_until(lambda: sum(len(started(folder)) for folder in folders) == places)
        for count in range(places + 1, 31):
            shares = [len(running(folder)) for folder in folders]
            turns = [len(started(folder)) for folder in folders]
            assert sum(shares) == places
            assert max(shares) - min(shares) <= 1
            assert max(turns) - min(turns) <= 1
            # Of a study with the most running trials, release the trial that has run longest.
            busiest = min(folders, key=lambda folder: (-len(running(folder)), len(started(folder))))
            release(busiest, running(busiest)[0])
            wait_until(lambda count=count: sum(len(started(folder)) for folder in folders) == count)
        for folder in folders:
            release(folder, *"1234")
        assert {client.finished(name)["state"] for name in names} == {"JOB_STATE_SUCCEEDED"}
    assert all(sorted(started(folder)) == ["1", "2", "3", "4"] for folder in folders)
