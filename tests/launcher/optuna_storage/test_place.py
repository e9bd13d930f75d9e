from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hydra_vertex.launcher.optuna_storage.place import storage_to_read, storage_to_write, without_password
from hydra_vertex.protocol.errors import UserError


@pytest.mark.parametrize(
    "text",
    [
        "projects/p/locations/l/hyperparameterTuningJobs/1",
        "123",
        "-",
        "http://127.0.0.1:8080/v1/projects/p/locations/l/hyperparameterTuningJobs/1",
        "runs/docs",
        "job.json",
        "x" * 5000,
        '{"resources": []}',
    ],
)
def test_what_names_a_job_is_no_storage(text: str) -> None:
    assert storage_to_read(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sqlite:///absent.db", "there is no file absent.db"),
        ("sqlite:///other.db", "a SQLite database without Optuna's tables"),
        ("other.db", "a SQLite database without Optuna's tables"),
        ("sqlite:///text.txt", "cannot be read as a SQLite database"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_storage_without_studies_is_refused_and_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("other.db") as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    Path("text.txt").write_text("text")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(UserError, match=says):
        storage_to_read(text)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("text.txt", "exists and is not an Optuna storage of this kind"),
        ("text.log", "exists and is not an Optuna storage of this kind"),
        ("sqlite:///text.txt", "exists and is not an Optuna storage of this kind"),
        ("absent/study.db", "the folder .*absent does not exist"),
        ("folder", "is not a regular file"),
        ("sqlite:///:memory:", "names no file"),
        ("redis://host", "is not a storage of Optuna"),
        ("gs://bucket/study.db", "is not a storage of Optuna"),
    ],
)
def test_a_place_that_cannot_hold_a_storage_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("text")
    Path("text.log").write_text("text")
    Path("folder").mkdir()

    with pytest.raises(UserError, match=says):
        storage_to_write(text)


def test_the_password_of_a_url_is_not_shown() -> None:
    assert without_password("postgresql://me:p@ss@host/db") == "postgresql://me:***@host/db"
    assert without_password("postgresql://me:p/s?s@host/db") == "postgresql://me:***@host/db"
    assert without_password("postgresql://host/db?user=me&password=hunter22") == (
        "postgresql://host/db?user=me&password=***"
    )
    assert without_password("sqlite:///a.db") == "sqlite:///a.db"
