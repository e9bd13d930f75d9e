"""The table in docs/vertex-states.md: every state of a job, and what the tuning step does in it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from hydra_vertex.job import JobState
from hydra_vertex.launcher.decisions import ATTACH, ON_UNSUCCESSFUL_JOB, REUSE
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps.step import run_step
from hydra_vertex.launcher.steps.tune import tune
from hydra_vertex.launcher.study import watch
from hydra_vertex.launcher.study.study_key import job_to_use
from launcher.jobs import make_job
from launcher.steps.inputs import executor_input

NAME = "projects/p/locations/l/hyperparameterTuningJobs/1"
HEADINGS = ("state", "the step", *(f"`{policy}`" for policy in ON_UNSUCCESSFUL_JOB), "`--attach`", "`--reuse`")


def rows() -> dict[JobState, list[str]]:
    """Return the cells of each row by its state."""
    lines = [line for line in (ROOT / "docs/vertex-states.md").read_text().splitlines() if line.startswith("|")]
    assert tuple(cell.strip() for cell in lines[0].strip("|").split("|")) == HEADINGS
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {JobState(re.sub("`", "", state)): rest for state, *rest in cells}


ROWS = rows()


@contextmanager
def service_with_a_job(states: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Serve the REST API with one job, which has the next state at each request and keeps the last one.

    Yields the address and the requests that change something.
    """
    changes: list[str] = []
    left = list(states)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0].endswith("/hyperparameterTuningJobs"):
                return self._answer({})
            return self._answer(_document(left.pop(0) if len(left) > 1 else left[0]))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            changes.append(self.path.partition("?")[0].rpartition("/")[2])
            self._answer(_document("JOB_STATE_QUEUED"))

        def _answer(self, document: dict[str, Any]) -> None:
            content = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", changes
        server.shutdown()


def _document(state: str) -> dict[str, Any]:
    return {"name": NAME, "displayName": "study", "state": state, "studySpec": {"metrics": [{"metricId": "val/loss"}]}}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_LOCAL_S", 0.01)
    monkeypatch.setattr(watch, "PAUSED_LIMIT_S", 0.2)


def test_the_table_has_every_state() -> None:
    assert list(ROWS) == list(JobState)


@pytest.mark.parametrize("policy", ON_UNSUCCESSFUL_JOB)
@pytest.mark.parametrize("state", [state for state in JobState if "ends" in ROWS[state][0]])
def test_the_step_ends_as_the_table_says(
    state: JobState, policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = ROWS[state][1 + ON_UNSUCCESSFUL_JOB.index(policy)]
    with service_with_a_job(["JOB_STATE_RUNNING", state.value]) as (url, changes):
        text = executor_input(tmp_path, url, ["true"], on_unsuccessful_job=policy)
        code = run_step("tune", tune, ["--executor_input", text])

    assert str(code) == expected
    assert changes == ["hyperparameterTuningJobs"], "the job is created, and never cancelled"
    assert read_job(tmp_path / "job").state is state
    assert (NAME in capsys.readouterr().err) == (state is not JobState.SUCCEEDED)


@pytest.mark.parametrize("state", [state for state in JobState if ROWS[state][0] == "watches on"])
def test_the_step_watches_on_as_the_table_says(state: JobState, tmp_path: Path) -> None:
    with service_with_a_job([state.value, state.value, "JOB_STATE_SUCCEEDED"]) as (url, changes):
        code = run_step("tune", tune, ["--executor_input", executor_input(tmp_path, url, ["true"])])

    assert (code, changes) == (0, ["hyperparameterTuningJobs"])
    assert ROWS[state][1:3] == ["", ""]


def test_a_job_that_is_resumed_in_time_is_watched_on(tmp_path: Path) -> None:
    with service_with_a_job(["JOB_STATE_PAUSED", "JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED"]) as (url, _):
        assert run_step("tune", tune, ["--executor_input", executor_input(tmp_path, url, ["true"])]) == 0


def test_a_job_that_stays_paused_is_said_to_be_left_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with service_with_a_job(["JOB_STATE_PAUSED"]) as (url, _):
        assert run_step("tune", tune, ["--executor_input", executor_input(tmp_path, url, ["true"])]) == 1

    assert f"{NAME} stays JOB_STATE_PAUSED and is left so" in capsys.readouterr().err


def test_the_time_in_the_table_is_that_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert ROWS[JobState.PAUSED][0] == f"ends after {watch.PAUSED_LIMIT_S / 3600:.0f} h"


@pytest.mark.parametrize("state", JobState)
def test_a_later_run_uses_a_job_as_the_table_says(state: JobState) -> None:
    job = make_job(state=state)

    uses = ["yes" if job_to_use([job], mode, 1) is job else "no" for mode in (ATTACH, REUSE)]

    assert ROWS[state][3:] == uses
