"""The tuning step with several of its options at once: whose job it watches, a ladder, limits, and stop signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.launcher.capacity.rungs import RUNG_LABEL, dump_ladder, make_ladder
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps.step import run_step
from hydra_vertex.launcher.steps.tune import tune
from hydra_vertex.launcher.study import watch
from launcher.capacity.fake_vertex import FakeVertex, fake_vertex
from launcher.steps.inputs import executor_input

LADDER = dump_ladder(make_ladder(("SPOT", "STANDARD"), ("l",), 0.3))
REACHED_AT_ONCE = {"max_worker_hours": "1e-9"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVertex]:
    """A service in which a job with Spot machines runs until it is cancelled; any other job succeeds."""
    monkeypatch.setattr(watch, "POLL_LOCAL_S", 0.01)
    with fake_vertex({"SPOT": "runs", "STANDARD": "had"}) as running:
        yield running


def run(server: FakeVertex, folder: Path, strategy: str = "SPOT", **changes: Any) -> int:
    """Run the step in this process, and return its exit code."""
    container = {"imageUri": "i", "command": [sys.executable]}
    pool = {"machineSpec": {"machineType": "n1-standard-4"}, "containerSpec": container}
    spec = json.dumps({"workerPoolSpecs": [pool], "scheduling": {"strategy": strategy}})
    counts = {"max_trial_count": 1.0, "parallel_trial_count": 1.0}
    text = executor_input(folder, server.url, [], **{"trial_job_spec": spec, **counts, **changes})
    return run_step("tune", tune, ["--executor_input", text])


def on_nth(kind: str, number: int, action: Callable[[], int | None]) -> Callable[[str], int | None]:
    """Return a reaction to the nth request of a kind."""
    seen: list[str] = []

    def react(found: str) -> int | None:
        seen.append(found)
        return action() if found == kind and seen.count(kind) == number else None

    return react


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def running_job(server: FakeVertex, folder: Path) -> str:
    """Return the name of a job that a step has created and left running."""
    server.on_request = on_nth("get", 1, terminate)
    assert run(server, folder, on_stop="detach") == 130
    server.on_request = lambda _: None
    (name,) = server.jobs
    return name


def states(server: FakeVertex) -> list[str]:
    return [job["state"].removeprefix("JOB_STATE_") for job in server.jobs.values()]


@pytest.mark.parametrize(
    ("kind", "on_stop", "expected", "says"),
    [
        ("list", "cancel", [], "no job was created"),
        ("list", "detach", [], "A job with the label hydra_vertex_run="),
        ("create", "cancel", ["CANCELLED"], "is cancelled, because this step was cancelled"),
        ("create", "detach", ["RUNNING"], "the job goes on (on_stop is detach). To watch it again"),
        ("get", "cancel", ["CANCELLED"], "is cancelled, because this step was cancelled"),
        ("get", "detach", ["RUNNING"], "the job goes on (on_stop is detach). To watch it again"),
    ],
)
@pytest.mark.parametrize(("ladder", "attach"), [("", ""), (LADDER, ""), ("", "attach"), ("", "reuse")])
def test_a_signal_at_each_request_of_a_step_with_a_job_of_its_own(
    server: FakeVertex,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    on_stop: str,
    expected: list[str],
    says: str,
    ladder: str,
    attach: str,
) -> None:
    server.on_request = on_nth(kind, 1, terminate)

    assert run(server, tmp_path, on_stop=on_stop, capacity_ladder=ladder, attach=attach) == 130

    assert says in capsys.readouterr().err
    assert states(server) == expected


@pytest.mark.parametrize("on_stop", ["cancel", "detach"])
@pytest.mark.parametrize(
    ("taken_by", "kind", "number"),
    [
        ("existing_job", "get", 1),
        *((mode, kind, number) for mode in ("attach", "reuse") for kind, number in (("list", 2), ("get", 1))),
    ],
)
def test_a_signal_does_not_cancel_a_job_of_another_step(
    server: FakeVertex,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    on_stop: str,
    taken_by: str,
    kind: str,
    number: int,
) -> None:
    name = running_job(server, tmp_path / "first")
    capsys.readouterr()
    server.on_request = on_nth(kind, number, terminate)
    taken = {"existing_job": name} if taken_by == "existing_job" else {"attach": taken_by}

    assert run(server, tmp_path / "second", on_stop=on_stop, **taken) == 130

    assert states(server) == ["RUNNING"]
    assert f"stopped watching {name}; the job continues" in capsys.readouterr().err


def test_a_step_that_attaches_cancels_the_job_that_an_earlier_start_of_it_has_created(
    server: FakeVertex, tmp_path: Path
) -> None:
    running_job(server, tmp_path)
    server.on_request = on_nth("get", 2, terminate)

    assert run(server, tmp_path, attach="attach") == 130

    assert states(server) == ["CANCELLED"]


@pytest.mark.parametrize("is_started_again", [False, True])
def test_a_spending_limit_does_not_end_a_job_that_the_step_has_attached_to(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_started_again: bool
) -> None:
    name = running_job(server, tmp_path / "first")
    folder = tmp_path / "second"
    if is_started_again:
        folder.mkdir()
        shutil.copy(tmp_path / "first" / "gcp_resources", folder)

    def succeed() -> None:
        server.jobs[name]["state"] = "JOB_STATE_SUCCEEDED"

    server.on_request = on_nth("get", 4, succeed)

    assert run(server, folder, attach="attach", **REACHED_AT_ONCE) == 0

    assert states(server) == ["SUCCEEDED"]
    assert f"the spending limits are not applied to {name}" in capsys.readouterr().err


@pytest.mark.parametrize("taken", ["existing_job", "own", "own, attach"])
def test_a_spending_limit_ends_the_job_of_the_step_and_one_that_is_given_by_name(
    server: FakeVertex, tmp_path: Path, taken: str
) -> None:
    changes = {
        "existing_job": lambda: {"existing_job": running_job(server, tmp_path / "first")},
        "own": dict,
        "own, attach": lambda: {"attach": "attach"},
    }[taken]()

    assert run(server, tmp_path / "second", **changes, **REACHED_AT_ONCE) == 0

    assert states(server) == ["CANCELLED"]
    assert "--max-worker-hours" in read_job(tmp_path / "second" / "job").stopping_reason


def test_a_spending_limit_ends_a_ladder_at_the_job_that_has_reached_it(server: FakeVertex, tmp_path: Path) -> None:
    assert run(server, tmp_path, capacity_ladder=LADDER, **REACHED_AT_ONCE) == 0

    assert (states(server), server.strategies()) == (["CANCELLED"], ["SPOT"])


def test_a_step_that_detaches_says_that_its_limit_is_not_watched_any_more(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on_request = on_nth("get", 1, terminate)

    assert run(server, tmp_path, on_stop="detach", max_worker_hours="1000") == 130

    assert "(on_stop is detach), and nothing ends it at its spending limit" in capsys.readouterr().err


@pytest.mark.parametrize("existing", [True, False])
def test_a_job_given_by_name_is_watched_without_the_ladder_and_spaces_are_no_name(
    server: FakeVertex, tmp_path: Path, existing: bool
) -> None:
    assert run(server, tmp_path / "first", "STANDARD") == 0
    (name,) = server.jobs

    server.machines = {"SPOT": "had", "STANDARD": "had"}
    assert run(server, tmp_path / "second", existing_job=name if existing else " ", capacity_ladder=LADDER) == 0

    rungs = [job["labels"].get(RUNG_LABEL) for job in server.jobs.values()]
    assert rungs == ([None] if existing else [None, "1"])


@pytest.mark.parametrize("mode", ["attach", "reuse"])
def test_a_ladder_makes_new_jobs_so_it_is_refused_with_attach(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    assert run(server, tmp_path, attach=mode, capacity_ladder=LADDER) == 2

    assert f"attach: is '{mode}', and capacity_ladder is given; give one of them" in capsys.readouterr().err


@pytest.mark.parametrize("ladder", ["", LADDER])
def test_a_field_that_would_be_lost_is_refused_also_on_a_ladder(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str], ladder: str
) -> None:
    pool = {"machineSpec": {"machineType": "a"}, "containerSpec": {"imageUri": "i", "comand": ["python"]}}

    code = run(server, tmp_path, trial_job_spec=json.dumps({"workerPoolSpecs": [pool]}), capacity_ladder=ladder)

    assert (code, server.jobs) == (2, {})
    assert "trial_job_spec.workerPoolSpecs[0].containerSpec.comand: would be lost" in capsys.readouterr().err


def test_a_second_signal_before_the_job_is_cancelled_says_which_job_may_go_on(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def react(kind: str) -> int | None:
        if kind in {"create", "cancel"}:
            terminate()
        return 503 if kind == "cancel" else None

    server.on_request = react

    assert run(server, tmp_path) == 130

    (name,) = server.jobs
    assert f"a second time, before the service has answered. {name} may go on" in capsys.readouterr().err


@pytest.mark.parametrize("ladder", ["", LADDER])
def test_a_refusal_while_the_job_is_watched_says_that_the_job_may_go_on(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str], ladder: str
) -> None:
    server.on_request = on_nth("get", 1, lambda: 403)

    assert run(server, tmp_path, capacity_ladder=ladder) == 1

    (name,) = server.jobs
    assert f"{name} may go on; start the step again to watch it, or cancel it" in capsys.readouterr().err
    assert read_job(tmp_path / "job").name == name


def test_a_refusal_of_the_creation_names_no_job(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on_request = on_nth("create", 1, lambda: 403)

    assert run(server, tmp_path) == 1

    assert "may" not in capsys.readouterr().err.partition("the service answered 403")[2]


def test_a_job_that_a_ladder_leaves_is_cancelled_also_when_a_signal_would_detach(
    server: FakeVertex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def terminate_and_refuse() -> int:
        terminate()
        return 503

    server.machines = {"SPOT": "pending", "STANDARD": "had"}
    server.on_request = on_nth("cancel", 1, terminate_and_refuse)

    assert run(server, tmp_path, capacity_ladder=LADDER, on_stop="detach") == 130

    assert states(server) == ["CANCELLED"]
    assert "is cancelled, because the ladder leaves it" in capsys.readouterr().err


def test_a_job_that_succeeded_while_it_was_left_is_the_result_also_when_the_step_is_started_again(
    server: FakeVertex, tmp_path: Path
) -> None:
    server.machines = {"SPOT": "late", "STANDARD": "had"}
    for _ in range(2):
        assert run(server, tmp_path, capacity_ladder=LADDER) == 0

    (name,) = server.jobs
    assert read_job(tmp_path / "job").name == name
