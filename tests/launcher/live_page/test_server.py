"""The server of the page: its stream, its buttons, its limits and its end."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httpx
import pytest

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.live_page.feed import Feed, Reading
from hydra_vertex.launcher.live_page.pages import MOST_STUDIES, JobPages
from hydra_vertex.launcher.live_page.server import MOST_CONNECTIONS, PageServer
from hydra_vertex.protocol.errors import ServiceError
from launcher.live_page.study import ProblemRenderer, StudyInMemory, client, events, serve


@pytest.fixture
def study() -> StudyInMemory:
    """A study in one state."""
    return StudyInMemory(Reading(problem="one two"))


@pytest.fixture
def server(study: StudyInMemory) -> Iterator[PageServer]:
    """The server of its page."""
    with serve(study) as found:
        yield found


def test_a_reader_gets_the_state_and_then_only_what_changes(server: PageServer, study: StudyInMemory) -> None:
    with client(server) as http, http.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = events(answer.iter_lines())
        assert next(found) == ("sections", {"word0": "one", "word1": "two"})
        study.reading = Reading(problem="one three four")
        assert next(found) == ("sections", {"word1": "three", "word2": "four"})
        study.reading = Reading(problem="one")
        assert next(found) == ("sections", {"word1": None, "word2": None})


def test_a_page_is_sent_only_what_changed_after_it(server: PageServer, study: StudyInMemory) -> None:
    with client(server) as http:
        page = http.get("/")
        version = page.text.partition("<title>")[2].partition("<")[0]
        assert "one two" in page.text
        with http.stream("GET", "/events", params={"version": version}) as answer:
            study.reading = Reading(problem="one three")
            assert next(events(answer.iter_lines())) == ("sections", {"word1": "three"})
        with http.stream("GET", "/events", headers={"last-event-id": "0"}) as answer:
            assert next(events(answer.iter_lines())) == ("sections", {"word0": "one", "word1": "three"})


def test_at_the_end_a_reader_gets_the_last_state_and_the_message(study: StudyInMemory) -> None:
    with serve(study) as server, client(server) as http, http.stream("GET", "/events") as answer:
        found = events(answer.iter_lines())
        next(found)
        study.reading = Reading(problem="the last state")
        server.end()
        assert dict(found) == {
            "sections": {"word0": "the", "word1": "last", "word2": "state"},
            "ended": "the command has ended",
        }
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)


def test_the_study_is_read_only_while_somebody_looks_at_it(server: PageServer, study: StudyInMemory) -> None:
    time.sleep(0.3)
    assert study.reads == 0
    with client(server) as http, http.stream("GET", "/events") as answer:
        next(events(answer.iter_lines()))
    time.sleep(0.3)
    reads = study.reads
    assert reads >= 1
    time.sleep(1.3)
    assert study.reads <= reads + 1  # one that had begun


def test_the_buttons_call_the_verbs_and_answer_with_a_sentence(server: PageServer, study: StudyInMemory) -> None:
    with client(server) as http:
        assert http.post("/stop-trial", params={"trial": "3", "of": "a"}).json() == {
            "message": "Trial 3 is being stopped."
        }
        assert http.post("/stop-study", params={"of": "b"}).json() == {"message": "The study is being cancelled."}
        refused = http.post("/stop-trial", params={"trial": "9"})
        assert (refused.status_code, refused.json()) == (502, {"error": "trial 9 is SUCCEEDED"})
        assert http.get("/log", params={"trial": "4"}).json() == {"log": "the log of 4"}
        assert http.get("/stop-study").status_code == 405
    assert study.asked == ["trial 3 of a", "b"]


@dataclass
class OpenedStudies:
    """A service with studies in memory, whose list can fail."""

    opened: list[str] = field(default_factory=list)

    def jobs(self) -> tuple[HyperparameterTuningJob, ...]:
        """Fail, as for a service that does not answer in time."""
        raise ServiceError("<the service> does not answer")

    def feed(self, name: str) -> StudyInMemory:
        """Return a new study."""
        self.opened.append(name)
        return StudyInMemory(Reading(problem=name))


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/", 502, "&lt;the service&gt; does not answer"), ("/job", 500, "ValueError: bad")],
)
def test_a_page_that_cannot_be_shown_says_why_and_loads_itself_again(path: str, status: int, text: str) -> None:
    def renderer_of(feed: Feed, name: str) -> ProblemRenderer:
        return FailingRenderer()

    pages = lambda token: JobPages(OpenedStudies(), renderer_of, token)  # noqa: E731 - one expression
    with PageServer(pages, "ended") as server, client(server) as http:
        answer = http.get(path, params={"job": "bad"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert text in answer.text
    assert 'http-equiv="refresh"' in answer.text


class FailingRenderer(ProblemRenderer):
    """A renderer whose document fails, as an error in a figure would make it."""

    def page(self, reading: Reading, version: int) -> str:
        """Raise ValueError."""
        raise ValueError(reading.problem)


def test_a_list_forgets_the_study_that_nobody_reads(server: PageServer) -> None:
    async def opened() -> list[str]:
        source = OpenedStudies()
        pages = JobPages(source, lambda *_: ProblemRenderer(), "token")
        stream = (await pages.study("read")).events("")
        await anext(stream)
        for number in range(MOST_STUDIES + 1):
            await pages.study(str(number))
            await pages.study("1" if number else "0")
        for name in ("read", "1", "0"):
            await pages.study(name)
        await cast(AsyncGenerator[str, None], stream).aclose()
        return source.opened[MOST_STUDIES + 2 :]

    assert asyncio.run(opened()) == ["0"]


@pytest.mark.parametrize("trial", ["", "../1", "1/2", "x", "-1", "1" * 65, "٣"])
def test_what_is_no_trials_id_reaches_no_service(server: PageServer, study: StudyInMemory, trial: str) -> None:
    with client(server) as http:
        assert "expected the id of a trial" in http.post("/stop-trial", params={"trial": trial}).json()["error"]
        assert "expected the id of a trial" in http.get("/log", params={"trial": trial}).json()["error"]
    assert study.asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/", "/job", "/events", "/log")),
        *(("POST", path) for path in ("/stop-trial", "/stop-study")),
    ],
)
def test_every_path_needs_the_token_and_the_own_origin(
    server: PageServer, study: StudyInMemory, method: str, path: str
) -> None:
    address, _, token = server.url.partition("/?page=")
    own = {"x-hydra-vertex-token": token}
    for params, headers in (
        ({}, {}),
        ({"page": token}, {**own, "origin": "http://evil.example"}),
        ({"page": token}, {**own, "host": "evil.example"}),
    ):
        answer = httpx.request(method, f"{address}{path}", params=params, headers=headers, trust_env=False)
        assert answer.status_code == 403
        assert token not in answer.text
    assert study.asked == []


def test_the_answers_cannot_be_framed_cached_or_read_by_others(server: PageServer) -> None:
    with client(server) as http:
        headers = http.get("/").headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_only_loopback_is_listened_on(server: PageServer) -> None:
    assert urlsplit(server.url).hostname == "127.0.0.1"
    assert server._listener.getsockname()[0] == "127.0.0.1"


def test_a_page_that_cannot_be_drawn_keeps_its_last_state(
    server: PageServer, study: StudyInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    with client(server) as http, http.stream("GET", "/events") as answer, caplog.at_level(logging.ERROR):
        found = events(answer.iter_lines())
        assert next(found)[1]["word0"] == "one"
        study.reading = Reading(problem="a bad state")
        time.sleep(1.5)
        study.reading = Reading(problem="one good")
        assert next(found) == ("sections", {"word1": "good"})
    assert "cannot be drawn" in caplog.text


def test_many_readers_see_the_same_and_more_than_the_limit_are_refused(
    server: PageServer, study: StudyInMemory, capfd: pytest.CaptureFixture[str]
) -> None:
    address = urlsplit(server.url)
    request = f"GET /events?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    streams, heads = [], []
    for _ in range(MOST_CONNECTIONS - 1):
        streams.append(socket.create_connection((address.hostname or "", address.port or 0), 5))
        streams[-1].sendall(request)
        heads.append(streams[-1].recv(300).split(b"\r\n")[0])
    assert set(heads) == {b"HTTP/1.1 200 OK"}
    with client(server) as http:
        assert http.get("/").status_code == 503
    for stream in streams:
        stream.close()
    deadline = time.monotonic() + 5
    with client(server) as http:
        while http.get("/").status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert http.get("/").status_code == 200
    assert study.reads < 10
    assert capfd.readouterr().err == ""  # the terminal belongs to the command


def test_a_reader_that_takes_nothing_is_dropped_and_holds_nobody_up(
    study: StudyInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydra_vertex.launcher.live_page.app.SEND_LIMIT_S", 0.3)
    monkeypatch.setattr("hydra_vertex.launcher.live_page.live_study.KEEP_ALIVE_S", 0.3)
    study.reading = Reading(problem="x" * 20_000_000)
    with serve(study) as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname or "", address.port or 0), 5) as stream:
            stream.sendall(f"GET /events?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            time.sleep(1.5)
            study.reading = Reading(problem="small")
            with client(server) as http, http.stream("GET", "/events") as answer:
                assert next(events(answer.iter_lines()))[0] == "sections"
            received = 0
            while chunk := stream.recv(1 << 20):
                received += len(chunk)
    assert received < 21_000_000  # nothing was kept for it after the first state
