"""The folder of a run in each of its states, as an argument of each command that takes one."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hydra_vertex.cli.commands.job_options import job_from, source_of_study
from hydra_vertex.cli.commands.machine_lines import machines_of_source
from hydra_vertex.cli.main import build_parser, main
from hydra_vertex.cli.mcp.rules import Rules
from hydra_vertex.cli.mcp.studies import app_of, require_readable, study_named
from hydra_vertex.job import JobState, save_job
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.pipelines.local.run_lock import LOCK_NAME, last_run, locked
from hydra_vertex.protocol.errors import CommandError, OutputError
from launcher.jobs import make_job, make_trial
from service.harness import job_document, kill_service, release, serving, started, wait_until

LOCAL = "projects/p/locations/l/hyperparameterTuningJobs/1"
AGAIN = "hydra-vertex run --search 'a b.yaml' --out runs/a -- python train.py"
READERS = ("status", "best", "report", "export", "replay")


@pytest.fixture(scope="module")
def of_killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed after one of its two trials, without a job.json."""
    place = tmp_path_factory.mktemp("killed")
    app = place / "app"
    with serving(place / "run/studies") as service:
        service.create(job_document(app, "gated", trials=2, displayName="killed"))
        wait_until(lambda: started(app) == ["1"])
        wait_until(lambda: list((place / "run/studies").glob("jobs/*/trials/1/machines.json")))
        release(app, "1")
        wait_until(lambda: started(app) == ["1", "2"])
        kill_service(service)
    (place / "run/plan.json").write_text(json.dumps({"project": "p", "location": "l"}))
    release(app, "2")
    return place / "run"


@pytest.fixture
def killed(of_killed: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    shutil.copytree(of_killed, folder)
    was_held(folder)
    return folder


def was_held(folder: Path, again: str = AGAIN) -> None:
    """Leave the lock file of a run that did not end well."""
    with contextlib.suppress(KeyboardInterrupt), locked(folder, again):
        raise KeyboardInterrupt


@contextlib.contextmanager
def in_progress(folder: Path) -> Iterator[None]:
    with locked(folder, AGAIN):
        yield


def outcome(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command. Return its exit code, and what it printed."""
    code = main(list(words))
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert "region" not in shown.err
    return code, shown.out + shown.err


def words_of(command: str, folder: Path) -> list[str]:
    """Return a call of a command that reads a study."""
    more = {"report": ["-o", str(folder.parent / "r.html")], "export": ["--optuna", str(folder.parent / "o.log")]}
    return [command, str(folder), *more.get(command, [])]


def parsed(command: str, folder: Path) -> argparse.Namespace:
    return build_parser().parse_args(words_of(command, folder))


@pytest.mark.parametrize("command", [name for name in READERS if name != "best"])
def test_what_was_measured_before_a_run_was_killed_can_be_read(
    command: str, killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = outcome(capsys, *words_of(command, killed))
    assert code == 0, shown


def test_the_best_trial_and_the_machines_of_a_killed_run_are_found(killed: Path) -> None:
    arguments = parsed("best", killed)
    job = job_from(arguments)
    assert [trial.state.value for trial in job.trials] == ["SUCCEEDED", "ACTIVE"]
    use = machines_of_source(source_of_study(arguments), job).use
    assert use["1"][0].time_s


def test_an_agent_may_read_a_killed_run_and_no_folder_without_one(killed: Path) -> None:
    rules = Rules(killed.parent, ("python", "train.py"))
    require_readable(rules, study_named(rules, str(killed)))
    with pytest.raises(CommandError, match="this server starts only python"):
        app_of(rules, study_named(rules, str(killed)))
    with pytest.raises(OutputError, match="no run is in progress"):
        require_readable(rules, study_named(rules, str(killed.parent)))


@pytest.mark.parametrize("word", ["", "job.json"])
def test_watching_a_killed_run_says_how_far_it_came_and_how_it_goes_on(
    word: str, killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if word:
        save_job(make_job((), name=LOCAL, state=JobState.RUNNING), killed / word)
    code, shown = outcome(capsys, "watch", str(killed / word), "--no-page")
    assert code == 1
    assert "no run is in progress in it, and its study has not ended: 1 of at most 2 trials have ended" in shown
    assert "the best so far is trial 1 with" in shown
    assert f"To continue: {AGAIN}\n" in shown
    assert f"hydra-vertex report {killed}" in shown


def test_the_page_of_a_killed_run_is_refused_with_the_command_that_writes_it(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = outcome(capsys, "watch", str(killed), "--page")
    assert code == 1
    assert "no live page, because no service of it answers; `hydra-vertex report` writes its page" in shown


@pytest.mark.parametrize("option", ["--json", "--json-lines"])
def test_a_script_gets_the_state_of_a_killed_run_once(
    option: str, killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(killed), option]) == 1
    documents = [json.loads(capsys.readouterr().out)]
    assert documents[0]["trials"] == {"SUCCEEDED": 1, "ACTIVE": 1}


def test_nothing_of_a_killed_run_can_be_cancelled(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = outcome(capsys, "cancel", str(killed))
    assert code == 2
    assert f"so there is nothing to cancel. To continue: {AGAIN}" in shown


def test_the_state_of_a_killed_run_does_not_grow_older_and_has_no_time_to_go(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = outcome(capsys, "status", str(killed))
    assert "no run is in progress in" in first[1]
    assert AGAIN in first[1]
    assert "to go" not in first[1]
    assert outcome(capsys, "status", str(killed)) == first


def test_the_command_that_continues_has_no_secret_and_the_folder_where_it_was_typed(
    killed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_held(killed, "hydra-vertex run -- python train.py api_key=hunter2hunter2 a=b  # a comment")
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    typed_in = Path.cwd()
    monkeypatch.chdir(elsewhere)
    shown = outcome(capsys, "watch", str(killed), "--no-page")[1]
    assert "hunter2" not in shown
    assert f"cd {typed_in} && hydra-vertex run -- python train.py api_key=" in shown


def test_a_run_of_an_older_version_names_no_command(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (killed / LOCK_NAME).write_text('{"pid": 1, "since": "2026-01-01"}')
    shown = outcome(capsys, "watch", str(killed), "--no-page")[1]
    assert f"To continue, repeat the command that started it, with --out {killed}" in shown


@pytest.mark.parametrize("content", ["", "[]", "{", '{"again": 1, "directory": [], "pid": null}', "\0"])
def test_a_lock_file_of_any_content_is_no_error(content: str, killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (killed / LOCK_NAME).write_text(content)
    assert outcome(capsys, "watch", str(killed), "--no-page")[0] == 1


def test_a_run_whose_service_is_out_of_reach_is_followed_in_its_folder(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with in_progress(killed):
        code, shown = outcome(capsys, "status", str(killed))
        assert (code, "service.db; a run is in progress" in shown) == (0, True)
        code, shown = outcome(capsys, "cancel", str(killed))
        assert (code, "stop the run itself (process" in shown) == (2, True)
    with beside(capsys, "trial 2 ACTIVE") as (is_shown, seen), in_progress_until(killed, is_shown):
        assert main(["watch", str(killed), "--no-page", "--poll-interval", "0.05"]) == 1
    assert is_shown.is_set()
    assert "no run is in progress in it" in "".join(seen) + capsys.readouterr().err


@pytest.mark.parametrize("command", [*READERS, "watch", "cancel"])
def test_a_run_that_has_not_begun_its_study_is_named_as_such(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    with in_progress(folder):
        code, shown = outcome(capsys, *words_of(command, folder))
        assert code == 2
        assert "has not begun its study yet; try again in a moment" in shown
    was_held(folder)
    code, shown = outcome(capsys, *words_of(command, folder))
    assert code == 2
    assert f"its run has ended before its study began. To continue: {AGAIN}" in shown


@pytest.mark.parametrize("command", [*READERS, "watch", "cancel"])
def test_a_folder_without_a_run_is_refused_and_left_as_it_is(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = outcome(capsys, *words_of(command, tmp_path))
    assert code == 2
    assert "is a folder without job.json, and no run is in progress in it" in shown
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_shown_as_it_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(tmp_path, AGAIN):
        save_job(make_job([make_trial(1, 0.5)], name=LOCAL), tmp_path / "job.json")
    for word in ("", "job.json"):
        code, shown = outcome(capsys, "watch", str(tmp_path / word), "--no-page")
        assert (code, "JOB_STATE_SUCCEEDED" in shown) == (0, True)
    assert last_run(tmp_path).again == ""


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
def test_a_run_that_was_stopped_after_its_study_says_how_it_goes_on(
    state: JobState, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").write_text("{}")
    save_job(make_job([make_trial(1, 0.5)], name=LOCAL, state=state), tmp_path / "job.json")
    was_held(tmp_path)
    expected = f"the study has ended, and its run did not come to its end. To continue: {AGAIN}"
    for command, code in (("status", 0), ("watch", int(state is JobState.FAILED))):
        for word in ("", "job.json"):
            found, shown = outcome(capsys, command, str(tmp_path / word))
            assert (found, expected in shown) == (code, True)
    with in_progress(tmp_path):
        assert expected not in outcome(capsys, "status", str(tmp_path))[1]


def test_a_service_that_ends_while_it_is_asked_is_no_service(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        (killed / "studies/service.json").write_text(json.dumps({"url": url}))
        closer = threading.Thread(target=closing_connections, args=(server,), daemon=True)
        closer.start()
        assert outcome(capsys, "watch", str(killed), "--no-page")[0] == 1
        assert outcome(capsys, "status", str(killed))[0] == 0


def closing_connections(server: socket.socket) -> None:
    """Accept connections, and close each one."""
    with contextlib.suppress(OSError):
        while True:
            server.accept()[0].close()


def test_a_run_that_is_killed_while_it_is_watched_says_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydra_vertex.launcher.study.client.LOOPBACK", RetryLimits(total_s=0.5, first_wait_s=0.1))
    folder, app = tmp_path / "run", tmp_path / "app"
    with serving(folder / "studies") as service:
        (folder / "plan.json").write_text(json.dumps({"project": "p", "location": "l"}))
        service.create(job_document(app, "gated"))
        wait_until(lambda: started(app) == ["1"])
        was_held(folder)
        with beside(capsys, "trial 1 ACTIVE", lambda: kill_service(service)) as (is_shown, seen):
            assert main(["watch", str(folder), "--no-page", "--poll-interval", "0.1"]) == 1
    release(app, "1")
    assert is_shown.is_set()
    assert f"To continue: {AGAIN}" in "".join(seen) + capsys.readouterr().err


@contextlib.contextmanager
def beside(
    capsys: pytest.CaptureFixture[str], text: str, act: Callable[[], None] = lambda: None
) -> Iterator[tuple[threading.Event, list[str]]]:
    """Act in a thread when a text was printed during the block. Yields whether it was, and what was read meanwhile."""
    is_shown, is_over, seen = threading.Event(), threading.Event(), list[str]()

    def watch_output() -> None:
        while not is_over.wait(0.02):
            seen.append(capsys.readouterr().err)
            if text in "".join(seen) and not is_shown.is_set():
                is_shown.set()
                act()

    thread = threading.Thread(target=watch_output)
    thread.start()
    try:
        yield is_shown, seen
    finally:
        is_over.set()
        thread.join(20)


@contextlib.contextmanager
def in_progress_until(folder: Path, is_enough: threading.Event) -> Iterator[None]:
    """Hold the lock of a run in a thread, until the event or the end of the block."""
    is_held = threading.Event()

    def hold() -> None:
        with contextlib.suppress(KeyboardInterrupt), in_progress(folder):
            is_held.set()
            is_enough.wait(20)
            raise KeyboardInterrupt

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(20)
        yield
    finally:
        is_enough.set()
        thread.join(20)
