"""Starting the service, and the errors that prevent its start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.service.address import Address
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.store import Store
from hydra_vertex.service.resource_names import JobKind
from hydra_vertex.service.server import serve
from hydra_vertex.service.start import start_service
from hydra_vertex.service.system.folder_lock import FolderLock
from hydra_vertex.service.trials.engines.options import EngineOptions
from service.harness import WAIT_LIMIT_S, start


def test_a_second_service_on_a_folder_is_refused_and_names_the_first(studies: Path) -> None:
    with start(studies) as first:
        with pytest.raises(UserError) as caught:
            start(studies)
        assert f"process {first.pid} at {first.url}" in str(caught.value)
        published = json.loads((studies / "service.json").read_text())
        assert (published["pid"], published["url"]) == (first.pid, first.url)
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


def test_a_port_in_use_is_named(studies: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 cannot be used"):
            serve(studies, Address(port), print)


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = ServiceFolder(tmp_path)
    store = Store(folder)
    store._db.execute("PRAGMA user_version = 99")  # as a later version would write it
    store.close()
    with pytest.raises(OutputError, match="written by another version"):
        Store(folder)


def test_a_database_of_the_first_version_is_upgraded(tmp_path: Path) -> None:
    folder = ServiceFolder(tmp_path)
    document = {"name": "n", "state": "JOB_STATE_SUCCEEDED"}
    with contextlib.closing(sqlite3.connect(folder.database)) as database:
        database.executescript(
            "CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, parent TEXT NOT NULL, document TEXT NOT NULL);"
            "CREATE TABLE trials (job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL,"
            " document TEXT NOT NULL, pid INTEGER, start_ticks INTEGER, PRIMARY KEY (job, number)) WITHOUT ROWID;"
            "PRAGMA user_version = 1;"
        )
        database.execute("INSERT INTO jobs (parent, document) VALUES ('p', ?)", (json.dumps(document),))
        database.commit()
    for _ in range(2):
        store = Store(folder)
        assert store.damaged == {}
        assert store.document("p", JobKind.TUNING, "1") == document
        assert store.document("p", JobKind.CUSTOM, "1") is None
        store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    folder = ServiceFolder(tmp_path)
    folder.database.write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(OutputError, match="cannot be used as the service's database"):
        Store(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_address_and_exits_with_code_0_on_a_signal(studies: Path, number: int) -> None:
    command = [sys.executable, "-m", "hydra_vertex.service", "--dir", str(studies), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(WAIT_LIMIT_S) == 0
        assert process.stderr.read() == ""


def test_a_file_in_the_working_directory_is_not_imported_instead_of_a_module(
    studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "optuna.py").write_text("raise SystemExit('imported instead of Optuna')")
    (tmp_path / "uvicorn.py").write_text("raise SystemExit('imported instead of uvicorn')")
    monkeypatch.chdir(tmp_path)

    with start(studies) as service:
        assert service.url.startswith("http://127.0.0.1:")


def test_a_library_that_cannot_be_loaded_ends_the_start_with_one_line(studies: Path, tmp_path: Path) -> None:
    (tmp_path / "scipy.py").write_text("raise ImportError('scipy is broken')")
    command = [sys.executable, "-m", "hydra_vertex.service", "--dir", str(studies), "--port", "0"]

    ended = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=WAIT_LIMIT_S,
        stdin=subprocess.DEVNULL,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot load the libraries of the service: scipy is broken; free memory" in ended.stderr
    assert "Traceback" not in ended.stderr


def refusal(studies: Path, *before: str) -> str:
    """Return the one line with which the command refuses to serve a folder. `before` is a prefix of the command."""
    command = [*before, sys.executable, "-m", "hydra_vertex.service", "--dir", str(studies), "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_LIMIT_S, stdin=subprocess.DEVNULL)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    (line,) = ended.stderr.splitlines()
    return line


def put_file(studies: Path) -> None:
    studies.write_text("")


def put_database_of_a_later_version(studies: Path) -> None:
    studies.mkdir()
    with contextlib.closing(sqlite3.connect(studies / "service.db")) as database:
        database.execute("PRAGMA user_version = 99")


def put_garbage(studies: Path) -> None:
    studies.mkdir()
    (studies / "service.db").write_bytes(b"garbage" * 1000)


def put_damaged_database(studies: Path) -> None:
    """Damage the pages of the tables, but not the first page, which contains the schema."""
    studies.mkdir()
    Store(ServiceFolder(studies)).close()
    with (studies / "service.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"x" * 100_000)


def put_folder_as_database(studies: Path) -> None:
    (studies / "service.db").mkdir(parents=True)


def put_folder_as_announcement(studies: Path) -> None:
    (studies / "service.json").mkdir(parents=True)


@pytest.mark.parametrize(
    ("put", "line"),
    [
        (put_file, "studies: cannot be used as the service's folder (File exists)"),
        (put_database_of_a_later_version, "service.db: was written by another version of hydra-vertex (format 99"),
        (put_garbage, "service.db: cannot be used as the service's database (file is not a database)"),
        (
            put_damaged_database,
            "service.db: is damaged (*** in database main *** Page",
        ),
        (put_folder_as_database, "service.db: cannot be used as the service's database (unable to open database file)"),
        (put_folder_as_announcement, "studies: cannot be used as the service's folder (Is a directory)"),
    ],
)
def test_a_folder_that_cannot_be_served_is_refused_in_one_line(
    studies: Path, put: Callable[[Path], None], line: str
) -> None:
    put(studies)
    assert line in refusal(studies)


@pytest.mark.parametrize("writable", ["nothing", "the lock", "the folder"])
def test_a_folder_that_is_read_only_is_refused_in_one_line(studies: Path, writable: str) -> None:
    unprivileged = ["unshare", "--user"] if os.geteuid() == 0 else []  # root could write in spite of the mode
    if unprivileged and subprocess.run([*unprivileged, "true"], capture_output=True).returncode != 0:
        pytest.skip("root can write everywhere, and this machine has no user namespaces to drop its privileges in")
    studies.mkdir()
    Store(ServiceFolder(studies)).close()
    (studies / "service.db").chmod(0o444)
    if writable == "the lock":
        (studies / "service.lock").touch()
    if writable != "the folder":
        studies.chmod(0o555)
    try:
        name = "service.db" if writable == "the folder" else "studies"
        assert f"{name}: cannot be used as the service's " in refusal(studies, *unprivileged)
    finally:
        studies.chmod(0o755)


def test_a_second_service_is_refused_in_one_line(studies: Path) -> None:
    with start(studies) as first:
        assert f"is served already by process {first.pid} at {first.url}" in refusal(studies)


def test_the_settings_of_an_engine_reach_the_service(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no_such_setting"):
        start_service(
            tmp_path / "studies", tmp_path / "log", 60.0, engine=EngineOptions("docker", {"no_such_setting": 1})
        )
