"""Starting the service, and what stands in the way of it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.service.lock import FolderLock
from hydra_vertex.service.names import Kind
from hydra_vertex.service.process import start_service
from hydra_vertex.service.server import Address, serve
from hydra_vertex.service.store import Store
from hydra_vertex.trial.protocol.errors import OutputError, UserError
from service.harness import WAIT_LIMIT_S, start


def test_a_second_service_on_a_folder_is_refused_and_names_the_first(studies: Path) -> None:
    with start(studies) as first:
        with pytest.raises(UserError) as caught:
            start(studies)
        assert f"process {first.pid} at {first.url}" in str(caught.value)
        assert json.loads((studies / "service.json").read_text()) == {"pid": first.pid, "url": first.url}
    start(studies).stop()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/studies: cannot be used as the service's folder"):
        FolderLock(tmp_path / "file" / "studies" / "service.lock")
    with pytest.raises(UserError, match=r"file/studies: cannot be used as the service's folder"):
        start_service(tmp_path / "file" / "studies", tmp_path / "log", WAIT_LIMIT_S)


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="log: cannot be written"):
        start_service(tmp_path / "studies", tmp_path / "file" / "log", WAIT_LIMIT_S)


def test_a_taken_port_is_named(studies: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 cannot be used"):
            serve(studies, Address(port), print)


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    store = Store(path)
    store._db.execute("PRAGMA user_version = 99")  # as a later version would write it
    store.close()
    with pytest.raises(OutputError, match="written by another version"):
        Store(path)


def test_a_database_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, parent TEXT NOT NULL, document TEXT NOT NULL);"
            "CREATE TABLE trials (job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL,"
            " document TEXT NOT NULL, pid INTEGER, start_ticks INTEGER, PRIMARY KEY (job, number)) WITHOUT ROWID;"
            """INSERT INTO jobs (parent, document) VALUES ('p', '{"state": "JOB_STATE_SUCCEEDED"}');"""
            "PRAGMA user_version = 1;"
        )
    for _ in range(2):
        store = Store(path)
        assert store.document("p", Kind.TUNING, "1") == {"state": "JOB_STATE_SUCCEEDED"}
        assert store.document("p", Kind.CUSTOM, "1") is None
        store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    path.write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(OutputError, match="cannot be used as the service's database"):
        Store(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_line_says_where_it_listens_and_ends_well_on_a_signal(studies: Path, number: int) -> None:
    command = [sys.executable, "-m", "hydra_vertex.service", "--dir", str(studies), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(WAIT_LIMIT_S) == 0
        assert process.stderr.read() == ""


def test_a_program_in_the_working_directory_does_not_stand_in_for_a_module(
    studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "optuna.py").write_text("raise SystemExit('taken for Optuna')")
    (tmp_path / "uvicorn.py").write_text("raise SystemExit('taken for uvicorn')")
    monkeypatch.chdir(tmp_path)

    with start(studies) as service:
        assert service.url.startswith("http://127.0.0.1:")
