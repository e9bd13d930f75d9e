"""Repeated log lines are written a few times, then counted, and the count is written."""

from __future__ import annotations

import io
import logging
import os
import re
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from hydra_vertex.service.throttled_log import LINES_A_WINDOW, WINDOW_S, ThrottledHandler
from service.harness import PARENT, serving, wait_until


class Clock:
    """A clock that the test advances."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Log:
    """A logger for one test, and the text that its handler has written."""

    def __init__(self, window_s: float, clock: Callable[[], float]) -> None:
        self.text = io.StringIO()
        self.handler = ThrottledHandler(self.text, window_s, clock)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self.logger = logging.Logger("service")
        self.logger.addHandler(self.handler)

    @property
    def lines(self) -> list[str]:
        return self.text.getvalue().splitlines()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> Iterator[Log]:
    log = Log(WINDOW_S, clock)
    yield log
    log.handler.close()


def test_a_repeated_line_is_written_a_few_times_per_window_and_then_its_count(log: Log, clock: Clock) -> None:
    for number in range(100):
        log.logger.warning("job %d waits", number)
    assert log.lines == [f"WARNING service: job {number} waits" for number in range(LINES_A_WINDOW)]
    clock.now_s += WINDOW_S
    log.logger.warning("job %d waits", 100)
    assert log.lines[LINES_A_WINDOW:] == [
        f"WARNING service: repeated {100 - LINES_A_WINDOW} times: job %d waits",
        "WARNING service: job 100 waits",
    ]


def test_the_count_is_written_with_the_next_line_of_any_kind(log: Log, clock: Clock) -> None:
    for _ in range(LINES_A_WINDOW + 1):
        log.logger.warning("first")
    clock.now_s += WINDOW_S
    log.logger.warning("second")
    assert log.lines[LINES_A_WINDOW:] == ["WARNING service: repeated 1 times: first", "WARNING service: second"]


def test_the_count_is_written_when_the_handler_is_closed(log: Log) -> None:
    for _ in range(LINES_A_WINDOW + 2):
        log.logger.warning("first")
    log.handler.close()
    assert log.lines[LINES_A_WINDOW:] == ["WARNING service: repeated 2 times: first"]


def test_the_count_is_written_even_when_no_other_line_is_logged() -> None:
    clock = Clock()
    log = Log(0.2, clock)
    for _ in range(LINES_A_WINDOW + 3):
        log.logger.warning("first")
    clock.now_s += 0.2
    wait_until(lambda: log.lines[LINES_A_WINDOW:] == ["WARNING service: repeated 3 times: first"])


def test_lines_of_different_loggers_levels_or_texts_are_counted_separately(log: Log) -> None:
    for _ in range(LINES_A_WINDOW):
        log.logger.warning("first")
        log.logger.error("first")
        log.logger.warning("second")
    other = logging.Logger("other")
    other.addHandler(log.handler)
    other.warning("first")
    assert len(log.lines) == 3 * LINES_A_WINDOW + 1


def test_messages_with_the_same_first_line_are_counted_together(log: Log) -> None:
    for number in range(20):
        log.logger.error(f"no descriptors\nsocket: {number}")
    assert len(log.lines) == 2 * LINES_A_WINDOW


def test_tracebacks_are_suppressed_with_their_lines(log: Log) -> None:
    for _ in range(20):
        try:
            os.stat("/nowhere")  # noqa: PTH116 - any OSError is sufficient
        except OSError:
            log.logger.exception("failed")
    assert sum("Traceback" in line for line in log.lines) == LINES_A_WINDOW


def test_lines_that_are_not_repeated_are_forgotten(log: Log, clock: Clock) -> None:
    for number in range(1000):
        log.logger.warning(f"line {number}")
        clock.now_s += WINDOW_S / 10
    assert len(log.handler._windows) <= 10


def test_lines_of_many_threads_are_counted_together(log: Log) -> None:
    threads = [threading.Thread(target=lambda: [log.logger.warning("first") for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.handler.close()
    assert log.lines[LINES_A_WINDOW:] == [f"WARNING service: repeated {400 - LINES_A_WINDOW} times: first"]


PROGRAM = """
import logging
from hydra_vertex.service.throttled_log import ThrottledHandler
logging.basicConfig(handlers=[ThrottledHandler()])
for _ in range(9):
    logging.warning("first")
"""


def test_a_program_writes_its_counts_at_exit_and_does_not_wait_for_the_timer() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=WINDOW_S / 2)
    assert done.stderr.splitlines()[-1] == "WARNING:root:repeated 4 times: first"


def test_a_service_without_descriptors_logs_little_and_answers_when_it_has_some(studies: Path) -> None:
    with serving(studies) as client, ExitStack() as stack:
        jobs = f"{client.http.base_url}{PARENT}/customJobs"
        assert httpx.get(jobs, trust_env=False).status_code == 200
        in_use = len(list(Path(f"/proc/{client.service_pid}/fd").iterdir()))
        _, hard = resource.prlimit(client.service_pid, resource.RLIMIT_NOFILE)
        resource.prlimit(client.service_pid, resource.RLIMIT_NOFILE, (in_use + 10, hard))
        address = ("127.0.0.1", client.http.base_url.port or 0)
        idle = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(100)]
        log = studies.with_name(f"{studies.name}.log")
        wait_until(lambda: "out of system resource" in log.read_text())
        with pytest.raises(httpx.TimeoutException):
            httpx.get(jobs, trust_env=False, timeout=3)
        for connection in idle:
            connection.close()
        assert wait_until(lambda: answer(jobs)) == 200
    text = log.read_text()
    assert text.count("out of system resource\nsocket: ") == LINES_A_WINDOW
    assert re.search(r"repeated \d+ times: socket.accept\(\) out of system resource", text)
    assert len(text) < 30_000


def answer(url: str) -> int | None:
    try:
        return httpx.get(url, trust_env=False, timeout=3).status_code
    except httpx.TransportError:
        return None
