"""Where the page gets its studies from: an embedded service, and a job that a command watches on Vertex AI."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobState, TrialState
from hydra_vertex.launcher.live_page import watched_feed
from hydra_vertex.launcher.live_page.embedded_client import EmbeddedClient
from hydra_vertex.launcher.live_page.embedded_feed import EmbeddedFeed, EmbeddedJobs
from hydra_vertex.launcher.live_page.feed import Feed
from hydra_vertex.launcher.live_page.report_renderer import ReportRenderer
from hydra_vertex.launcher.live_page.watched_feed import WatchedFeed
from hydra_vertex.launcher.machines import StudyMachines
from hydra_vertex.launcher.machines.cloud_session import ENDPOINT_VARIABLE
from hydra_vertex.launcher.study.client import connect
from hydra_vertex.protocol.errors import ServiceError, ServiceUnreachableError
from hydra_vertex.protocol.json import Json
from launcher.jobs import make_job, make_trial
from launcher.machines.fake_monitoring import Monitoring, monitoring
from launcher.machines.test_cloud_poll import points
from launcher.machines.test_cloud_poll import running as running_on_vertex
from service.harness import Client, job_document, kill_service, release, serving, started, wait_until

PARENT = "projects/p/locations/l"
VERTEX = "projects/p/locations/europe-west4/hyperparameterTuningJobs/7"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("service") / "studies") as client:
        yield client


def embedded(client: Client) -> EmbeddedClient:
    return EmbeddedClient(str(client.http.base_url).removesuffix("/v1/"))


def test_a_run_follows_its_newest_study_from_before_it_exists(client: Client, tmp_path: Path) -> None:
    parent = "projects/p/locations/of-a-run"
    feed = EmbeddedFeed(embedded(client), parent)
    assert feed.read().job is None
    with pytest.raises(ServiceError, match="has not begun"):
        feed.stop_study("")
    name = str(
        client.http.post(f"{parent}/hyperparameterTuningJobs", json=job_document(tmp_path / "app", "gated")).json()[
            "name"
        ]
    )
    wait_until(lambda: started(tmp_path / "app") == ["1"])
    job = feed.read().job
    assert job is not None
    assert (job.name, len(job.trials)) == (name, 1)
    release(tmp_path / "app", "1")
    client.finished(name)
    ended = feed.read().job
    assert ended is not None
    assert ended.state is JobState.SUCCEEDED
    assert feed.read().job is ended  # a finished job is not read again


def test_the_jobs_that_repeat_the_best_belong_to_their_study(client: Client, tmp_path: Path) -> None:
    name = client.run(job_document(tmp_path / "app", "report"))["name"]
    label = {"hydra_vertex_confirms": name.rpartition("/")[2]}
    repeats = client.run(job_document(tmp_path / "again", "report", labels=label))["name"]
    reading = EmbeddedFeed(embedded(client), PARENT).read()
    assert (reading.job and reading.job.name, reading.repeats and reading.repeats.name) == (name, repeats)


def test_a_trial_is_stopped_and_the_study_cancelled(client: Client, tmp_path: Path) -> None:
    app = tmp_path / "app"
    name = client.create(job_document(app, "measure-then-gated", trials=3))
    feed = EmbeddedFeed(embedded(client), PARENT, name)
    wait_until(lambda: bool(client.get(name).get("trials", [{}])[0].get("measurements")))
    assert "is being stopped" in feed.stop_trial("1", name)
    wait_until(lambda: started(app) == ["1", "2"])
    assert "cancelled" in feed.stop_study(name)
    client.finished(name)
    job = feed.read().job
    assert job is not None
    assert (job.state, job.trials[0].stopping_reason) == (JobState.CANCELLED, "stopped by the user")
    with pytest.raises(ServiceError, match="only a trial that runs can be stopped"):
        feed.stop_trial("1", name)


def test_the_log_has_no_secret_of_the_job_and_no_control_character(client: Client, tmp_path: Path) -> None:
    document = job_document(tmp_path / "app", "who", env={"API_TOKEN": "hunter2hunter2"})
    name = client.run(document)["name"]
    # Nobody has read the page: the log of a study that was opened long ago is asked for by an open page.
    log = EmbeddedFeed(embedded(client), PARENT, name).log("1")
    assert "API_TOKEN" in log
    assert "hunter2" not in log


def test_a_button_of_a_page_that_shows_another_study_stops_nothing(client: Client, tmp_path: Path) -> None:
    parent = "projects/p/locations/of-two-steps"
    jobs = f"{parent}/hyperparameterTuningJobs"
    app = tmp_path / "app"
    first = client.finished(str(client.http.post(jobs, json=job_document(tmp_path / "a", "report")).json()["name"]))
    feed = EmbeddedFeed(embedded(client), parent)
    feed.read()
    second = str(client.http.post(jobs, json=job_document(app, "gated")).json()["name"])
    wait_until(lambda: started(app) == ["1"])
    feed.read()
    for act in (lambda name: feed.stop_trial("1", name), feed.stop_study):
        for shown in (first["name"], ""):
            with pytest.raises(ServiceError, match="nothing is stopped: the page shows"):
                act(shown)
    release(app, "1")
    assert client.finished(second)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_service_that_was_killed_is_the_problem_of_the_last_state(tmp_path: Path) -> None:
    with serving(tmp_path / "studies") as client:
        name = client.run(job_document(tmp_path / "app", "report"))["name"]
        feed = EmbeddedFeed(embedded(client), PARENT, name)
        known = feed.read()
        kill_service(client)
        lost = feed.read()
        assert (lost.job, known.problem) == (known.job, "")
        assert "does not answer" in lost.problem


def test_a_list_has_the_jobs_of_all_projects_and_only_their_names_are_feeds(client: Client, tmp_path: Path) -> None:
    elsewhere = "projects/q/locations/m/hyperparameterTuningJobs"
    name = str(client.http.post(elsewhere, json=job_document(tmp_path / "app", "report")).json()["name"])
    jobs = EmbeddedJobs(embedded(client))
    assert name in {job.name for job in jobs.jobs()}
    assert name != client.create(job_document(tmp_path / "b", "report"))
    found = jobs.feed(name).read().job
    assert found is not None
    assert found.name == name
    for other in ("", "x", f"{name}/trials/1", "projects/q/locations/m/customJobs/1", "../" + name):
        with pytest.raises(ServiceError, match="not the name"):
            jobs.feed(other)


def test_the_token_of_a_service_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path / "studies") as client:
        token = (client.studies / "service.token").read_text().strip()
        url = str(client.http.base_url).removesuffix("/v1/")
        assert EmbeddedClient(url, token).jobs(PARENT, 5) == ()
        assert EmbeddedClient(url, "wrong").jobs(PARENT, 5) == ()  # this user needs none


def test_an_answer_that_is_no_job_is_a_service_that_does_not_answer(client: Client) -> None:
    with pytest.raises(ServiceError, match="404"):
        embedded(client).job(f"{PARENT}/hyperparameterTuningJobs/99999")
    with pytest.raises(ServiceUnreachableError):
        EmbeddedClient("http://127.0.0.1:9").job(f"{PARENT}/hyperparameterTuningJobs/1")


def test_a_job_on_vertex_is_what_the_command_has_polled_and_only_the_study_can_be_stopped() -> None:
    feed = WatchedFeed(VERTEX, lambda: connect("l", "http://127.0.0.1:9"))
    assert feed.read().job is None
    job = make_job([make_trial(1, 0.5)], name=VERTEX, state=JobState.RUNNING)
    feed.update(job)
    assert (feed.read().job, feed.read().problem) == (job, "")
    assert "no method that stops one trial" in feed.abilities.without_stop
    assert "console.cloud.google.com" in feed.abilities.without_log
    for call in (feed.log, lambda trial: feed.stop_trial(trial, VERTEX)):
        with pytest.raises(ServiceError, match="trial 1: "):
            call("1")


def test_a_job_on_vertex_has_the_curves_of_its_machines_and_a_sentence_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monitoring() as server, closing(watched(server, monkeypatch)) as feed:
        assert set(sections_of(feed)) & {"figure:machines-cpu"} == set()
        wait_until(lambda: feed.read().machines.missing.startswith("Cloud Monitoring has no points"))
        assert "Cloud Monitoring has no points of the trials so far" in str(sections_of(feed))
        assert "Cloud Monitoring has no points of the trials so far" in page_of(feed)
    with monitoring() as server, closing(watched(server, monkeypatch)) as feed:
        server.series = [points(1)]
        wait_until(lambda: bool(feed.read().machines.use))
        assert "figure:machines-cpu" in sections_of(feed)
        assert "Cloud Monitoring" not in str(sections_of(feed))


def watched(server: Monitoring, monkeypatch: pytest.MonkeyPatch) -> WatchedFeed:
    """Return the feed of a job on Vertex AI that runs, whose metrics are in this server."""
    monkeypatch.setenv(ENDPOINT_VARIABLE, server.url)
    feed = WatchedFeed(VERTEX, lambda: connect("l", "http://127.0.0.1:9"))
    feed.update(dataclasses.replace(running_on_vertex(), name=VERTEX, state=JobState.RUNNING))
    return feed


def sections_of(feed: Feed) -> Mapping[str, Json]:
    return ReportRenderer(feed, "a-token").sections(feed.read())


def test_a_job_that_is_in_no_region_asks_no_cloud_monitoring(monkeypatch: pytest.MonkeyPatch) -> None:
    with monitoring() as server:
        monkeypatch.setenv(ENDPOINT_VARIABLE, server.url)
        feed = WatchedFeed("projects/p/locations/l/hyperparameterTuningJobs/7", lambda: connect("l", ""))
        feed.update(running_on_vertex())
        assert feed.read().machines == StudyMachines()
        feed.close()
        assert server.requests == []


def test_a_page_says_since_when_vertex_has_not_answered_and_its_clocks_stand_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watched_feed, "LONGEST_SILENCE_S", 0.2)
    feed = WatchedFeed("7", lambda: connect("l", "http://127.0.0.1:9"))
    job = make_job([make_trial(1, 0.5), make_trial(2, None, TrialState.ACTIVE)], name="7", state=JobState.RUNNING)
    feed.update(job)
    assert not feed.read().problem
    wait_until(lambda: bool(feed.read().problem))
    sections = [ReportRenderer(feed, "a-token").sections(feed.read()) for _ in range(2)]
    assert re.search('"the service has not answered since [0-9:]{8} UTC', json.dumps(sections[0]["live"]))
    assert sections[0] == sections[1]
    feed.update(dataclasses.replace(job, state=JobState.SUCCEEDED))
    time.sleep(0.3)
    assert not feed.read().problem


def test_the_button_of_a_watched_job_cancels_it_with_a_client_of_its_own(client: Client, tmp_path: Path) -> None:
    name = client.create(job_document(tmp_path / "app", "gated"))
    wait_until(lambda: started(tmp_path / "app") == ["1"])
    url = str(client.http.base_url).removesuffix("/v1/")
    answer = WatchedFeed(name, lambda: connect("l", url)).stop_study(name)
    assert answer.startswith((f"{name} was asked to end", f"{name} is cancelled")), answer
    assert client.finished(name)["state"] == "JOB_STATE_CANCELLED"


def page_of(feed: Feed, job: HyperparameterTuningJob | None = None) -> str:
    reading = feed.read()
    assert job is None or reading.job is job
    return ReportRenderer(feed, "a-token").page(reading, 1)


def test_the_page_waits_for_a_study_and_then_has_the_buttons_that_its_service_has(
    client: Client, tmp_path: Path
) -> None:
    waiting = WatchedFeed(VERTEX, lambda: connect("l", "http://127.0.0.1:9"))
    assert "has not begun" in page_of(waiting)
    running = make_job(
        [make_trial(1, 0.5), make_trial(2, None, TrialState.ACTIVE)], name=VERTEX, state=JobState.RUNNING
    )
    waiting.update(running)
    on_vertex = page_of(waiting)
    assert 'data-stop="' not in on_vertex
    assert "resource.labels.job_id=&#34;7&#34;" in on_vertex.partition("<script")[0]
    name = client.create(job_document(tmp_path / "app", "gated"))
    wait_until(lambda: started(tmp_path / "app") == ["1"])
    here = page_of(EmbeddedFeed(embedded(client), PARENT, name))
    assert 'data-stop="1"' in here
    release(tmp_path / "app", "1")
    client.finished(name)
    assert 'data-stop="' not in page_of(EmbeddedFeed(embedded(client), PARENT, name))


def test_a_section_of_the_live_parts_says_what_runs_and_why_the_state_is_old(client: Client, tmp_path: Path) -> None:
    name = client.run(job_document(tmp_path / "app", "report"))["name"]
    feed = EmbeddedFeed(embedded(client), PARENT, name)
    sections = ReportRenderer(feed, "a-token").sections(feed.read())
    assert sections["live"] == {
        "problem": "",
        "isRunning": False,
        "name": name,
        "state": "succeeded",
        "running": [],
        "stopping": [],
        "trials": 1,
    }
    assert "trial:1" in sections


def test_the_page_of_a_running_study_has_the_curves_of_its_machines(client: Client, tmp_path: Path) -> None:
    name = client.create(job_document(tmp_path / "app", "gated"))
    wait_until(lambda: started(tmp_path / "app") == ["1"])
    wait_until(
        lambda: any(curve.time_s for curves in embedded(client).machine_use(name, 5).values() for curve in curves)
    )
    feed = EmbeddedFeed(embedded(client), PARENT, name)

    sections = ReportRenderer(feed, "a-token").sections(feed.read())

    assert {"figure:machines-cpu", "figure:machines-memory"} <= set(sections)
    assert "machines-cpu" in page_of(feed)
    release(tmp_path / "app", "1")
    client.finished(name)
