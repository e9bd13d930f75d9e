from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from hydra_vertex.pipelines.local.run_lock import LOCK_NAME, LastRun, last_run, locked
from hydra_vertex.protocol.errors import OutputError, UserError


def test_a_second_lock_on_a_folder_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    held = f"is in use by another run, process {os.getpid()} since 20"
    with locked(tmp_path / "out"), pytest.raises(UserError, match=held), locked(tmp_path / "out"):
        pass
    with locked(tmp_path / "out"):
        pass


def test_a_holder_that_has_not_written_its_process_id_is_reported_as_starting(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / LOCK_NAME).write_text("")
        with pytest.raises(UserError, match="another run, one that is just starting; wait"), locked(tmp_path):
            pass


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="file/out: cannot be used as output folder"), locked(tmp_path / "file/out"):
        pass


def test_a_lock_file_that_is_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LOCK_NAME)

    with pytest.raises(OutputError, match=r"output folder \(it is a FIFO, not a regular file\)"), locked(tmp_path):
        pass


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)

    problem = r"file system has no locks\); give --out a folder on a local disk"
    with pytest.raises(OutputError, match=problem), locked(tmp_path):
        pass


def test_a_lock_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with locked(tmp_path):
            assert (tmp_path / LOCK_NAME).stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_the_last_run_of_a_folder_says_how_it_is_continued_until_it_has_ended_well(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert last_run(folder) == LastRun(False, "one that is just starting")
    assert not folder.exists()
    with contextlib.suppress(KeyboardInterrupt), locked(folder, "again it is"):
        running = last_run(folder)
        raise KeyboardInterrupt
    assert (running.is_running, running.again, running.directory) == (True, "again it is", str(Path.cwd()))
    assert running.holder.startswith(f"process {os.getpid()} since 20")
    assert last_run(folder) == dataclasses.replace(running, is_running=False)
    with locked(folder, "again it is"):
        pass
    assert last_run(folder).again == ""


def test_a_run_starts_while_others_ask_whether_one_is_in_progress(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).touch()
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(0.001):
            last_run(tmp_path)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(50):
            with locked(tmp_path):
                pass
    finally:
        is_over.set()
        thread.join()


def test_a_lock_file_that_cannot_be_read_is_that_of_no_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LOCK_NAME)
    assert last_run(tmp_path).is_running is False
