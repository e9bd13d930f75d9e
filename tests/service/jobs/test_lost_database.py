"""A database that is damaged, removed or replaced: the service detects it, and answers no state that is not stored."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.store import Store
from service.harness import (
    PARENT,
    Client,
    is_running,
    job_document,
    pid_of,
    release,
    serving,
    start,
    started,
    wait_until,
)


def log_of(studies: Path) -> str:
    return studies.with_name(f"{studies.name}.log").read_text()


def execute(studies: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(studies / "service.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def error_of(client: Client, name: str) -> tuple[int, str]:
    answer = client.http.get(name)
    return answer.status_code, answer.json().get("error", {}).get("message", "")


def test_a_missing_table_ends_the_job_with_that_reason(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated"))
        wait_until(lambda: started(app))
        execute(studies, "DROP TABLE trials")
        release(app, "1")
        wait_until(lambda: error_of(client, name)[0] == 500)
        assert "service.db is damaged (no such table: trials)" in error_of(client, name)[1]
        wait_until(lambda: not is_running(pid_of(app, "1")))
    assert "free space" not in log_of(studies)
    assert "Traceback" not in log_of(studies)


def remove_folder(studies: Path) -> None:
    shutil.rmtree(studies)


def remove_database(studies: Path) -> None:
    (studies / "service.db").unlink()


def replace_database(studies: Path) -> None:
    copy = studies / "copy"
    shutil.copy(studies / "service.db", copy)
    copy.rename(studies / "service.db")


def cut_off_database(studies: Path) -> None:
    with (studies / "service.db").open("r+b") as file:
        file.truncate(0)


def cut_off_wal(studies: Path) -> None:
    with (studies / "service.db-wal").open("r+b") as file:
        file.truncate(0)


def remove_wal(studies: Path) -> None:
    (studies / "service.db-wal").unlink()


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (remove_folder, "service.db was removed"),
        (remove_database, "service.db was removed"),
        (replace_database, "service.db was replaced"),
        (cut_off_database, "service.db was truncated"),
        (cut_off_wal, "service.db was truncated"),
        (remove_wal, "service.db was removed"),
    ],
)
def test_a_service_exits_when_its_database_was_removed_replaced_or_truncated(
    studies: Path, app: Path, harm: Callable[[Path], None], what: str
) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated"))
        wait_until(lambda: started(app))
        harm(studies)
        # The service either does not answer any more, or answers with the reason.
        with contextlib.suppress(httpx.TransportError):
            status, message = error_of(client, name)
            assert (status, what in message) == (500, True)
        wait_until(lambda: not is_running(client.service_pid))
        assert not is_running(pid_of(app, "1"))
    (line,) = [line for line in log_of(studies).splitlines() if what in line and "WARNING" not in line][-1:]
    assert "nothing more can be recorded in it" in line
    assert "Traceback" not in log_of(studies)


def finished_study(studies: Path, app: Path, *, trials: int = 2) -> str:
    with serving(studies) as client:
        return str(client.run(job_document(app, "report", trials=trials))["name"])


def empty_database(studies: Path) -> None:
    remove_database(studies)
    (studies / "service.db").touch()


@pytest.mark.parametrize("harm", [remove_database, empty_database])
def test_folders_of_jobs_without_a_database_are_not_served(
    studies: Path, app: Path, harm: Callable[[Path], None]
) -> None:
    finished_study(studies, app)
    harm(studies)
    with pytest.raises(UserError, match="the database was removed or emptied; restore it from a copy, or give another"):
        start(studies)
    assert (studies / "jobs/1/trials/1/log.txt").exists()


def test_no_id_is_used_twice_after_an_older_database_was_restored(studies: Path, app: Path) -> None:
    finished_study(studies, app)
    shutil.copy(studies / "service.db", studies / "copy")
    lost = finished_study(studies, app).rpartition("/")[2]
    (studies / "copy").rename(studies / "service.db")
    with serving(studies) as client:
        new = client.run(job_document(app, "report"))["name"].rpartition("/")[2]
        assert client.http.get(f"{PARENT}/hyperparameterTuningJobs/{lost}").status_code == 404
    assert int(new) > int(lost)
    assert f"service.db has no record of job {lost}" in log_of(studies)


def test_the_folder_of_a_trial_without_a_record_is_renamed(studies: Path, app: Path) -> None:
    finished_study(studies, app)
    lost = studies / "jobs/1/trials/3"
    lost.mkdir()
    (lost / "log.txt").write_text("log of a lost record")
    with serving(studies):
        pass
    (aside,) = (studies / "jobs/1/trials").glob("3.*.aside")
    assert (aside / "log.txt").read_text() == "log of a lost record"
    assert not lost.exists()
    assert "has no record of trial 3 of job 1" in log_of(studies)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE trials SET document = '{' WHERE number = 2", "the record of trial 2 is damaged"),
        ("UPDATE trials SET document = '[]' WHERE number = 1", "the record of trial 1 is damaged"),
        ("DELETE FROM trials WHERE number = 1", "the record of trial 1 is damaged"),
        ("UPDATE jobs SET document = 'x'", "the record of the job is damaged"),
    ],
)
def test_damage_in_a_finished_job_is_logged_at_the_start_and_reported_to_requests_for_it(
    studies: Path, app: Path, statement: str, what: str
) -> None:
    name = finished_study(studies, app)
    execute(studies, statement)
    with serving(studies) as client:
        assert f"job 1 cannot be served: {what}" in log_of(studies)
        status, message = error_of(client, name)
        assert (status, what in message) == (500, True)
        assert client.http.get(f"{PARENT}/hyperparameterTuningJobs").status_code == 200
        assert client.run(job_document(app, "report"))["state"] == "JOB_STATE_SUCCEEDED"


def test_no_second_service_serves_a_folder_whose_lock_was_removed(studies: Path) -> None:
    with start(studies) as first:
        (studies / "service.lock").unlink()
        with pytest.raises(UserError, match=f"is served already by process {first.pid} at {first.url}"):
            start(studies)
        assert is_running(first.pid)


def test_a_service_that_ends_leaves_the_announcement_of_another_one(studies: Path) -> None:
    first = start(studies)
    (studies / "service.json").write_text('{"pid": 1, "url": "http://127.0.0.1:1"}')
    first.stop()
    assert (studies / "service.json").exists()


def test_other_reads_are_answered_while_a_write_waits_for_another_programs_lock(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.run(job_document(app, "report"))["name"]
        with contextlib.closing(sqlite3.connect(studies / "service.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(client.create, job_document(app, "report"))
                for _ in range(50):
                    assert client.get(name)["state"] == "JOB_STATE_SUCCEEDED"
                assert not waiting.done()
                other.rollback()
                assert client.finished(waiting.result())["state"] == "JOB_STATE_SUCCEEDED"


def test_a_damaged_database_is_refused_at_the_start(tmp_path: Path) -> None:
    folder = ServiceFolder(tmp_path)
    Store(folder).close()
    with folder.database.open("r+b") as file:
        file.truncate(4096 * 2)
    with pytest.raises(OutputError, match=r"service\.db: (is damaged|cannot be used)"):
        Store(folder)
