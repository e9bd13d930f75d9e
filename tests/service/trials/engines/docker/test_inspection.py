"""What a container's inspect document says about its state."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from hydra_vertex.service.trials.engines.docker.inspection import Container, parse_time, read_container
from hydra_vertex.service.trials.exit_status import failure_reason

NEVER = "0001-01-01T00:00:00Z"
STARTED, FINISHED = "2026-11-26T18:18:29.123456789Z", "2026-11-26T18:19:00.5Z"


def document(**state: Any) -> dict[str, Any]:
    ended = {"Status": "exited", "Running": False, "ExitCode": 0, "OOMKilled": False, "Error": ""}
    return {
        "State": {**ended, "StartedAt": STARTED, "FinishedAt": FINISHED, **state},
        "HostConfig": {"Memory": 1 << 30},
    }


@pytest.mark.parametrize(
    ("state", "running", "ended"),
    [
        ({"Status": "running", "Running": True, "FinishedAt": NEVER}, True, False),
        ({"Status": "paused", "Running": True, "Paused": True, "FinishedAt": NEVER}, True, False),
        ({}, False, True),
        ({"Status": "created", "StartedAt": NEVER, "FinishedAt": NEVER}, False, False),
        ({"Status": "created", "StartedAt": NEVER, "FinishedAt": NEVER, "ExitCode": 127, "Error": "OCI"}, False, False),
    ],
)
def test_a_container_runs_or_has_ended_or_was_never_started(state: dict[str, Any], running: bool, ended: bool) -> None:
    container = read_container(document(**state))

    assert (container.is_running, container.has_ended) == (running, ended)


def test_the_error_of_a_start_is_kept() -> None:
    failed = document(Status="created", StartedAt=NEVER, FinishedAt=NEVER, Error="OCI runtime create failed")

    assert read_container(failed).start_error == "OCI runtime create failed"
    assert read_container(document(Error="of a container that ran")).start_error == ""


@pytest.mark.parametrize(
    ("code", "oom", "expected"),
    [
        (3, False, "exited with code 3"),
        (3, True, "exited with code 3, after one of its processes was killed for using more memory than the limit"),
        (137, False, "killed by SIGKILL (exit code 137), not by its memory limit (OOMKilled is false)"),
        (137, True, "killed for memory: it used more than its limit of 1 GiB (OOMKilled, exit code 137)"),
        (143, False, "exited with code 143, as after signal 15 (SIGTERM)"),
        (255, False, "exited with code 255"),
    ],
)  # fmt: skip
def test_a_failure_is_described(code: int, oom: bool, expected: str) -> None:
    status = read_container(document(ExitCode=code, OOMKilled=oom)).exit_status(stopped=False)

    assert not status.is_success
    assert failure_reason(status, 60).startswith(expected)


def test_a_success_stays_one_when_a_process_was_killed_for_memory() -> None:
    assert read_container(document(OOMKilled=True)).exit_status(stopped=False).is_success


def test_another_document_is_one_of_a_container_that_does_not_run() -> None:
    assert read_container({}) == Container(is_running=False, exit_code=255)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STARTED, datetime(2026, 11, 26, 18, 18, 29, 123456, timezone.utc)),
        (FINISHED, datetime(2026, 11, 26, 18, 19, 0, 500000, timezone.utc)),
        ("2026-11-26T18:19:00Z", datetime(2026, 11, 26, 18, 19, tzinfo=timezone.utc)),
        (NEVER, None),
        ("", None),
        ("yesterday", None),
        (None, None),
        (5, None),
    ],
)
def test_times_are_docker_s(text: Any, expected: datetime | None) -> None:
    assert parse_time(text) == expected
