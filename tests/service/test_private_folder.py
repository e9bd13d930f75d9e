"""The modes of a service's folder, of an older one and of the folders for outputs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.private_folder import make_output_folder, make_private
from service.harness import Client, job_document, serving, start


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_files_of_a_service_are_private_and_its_trials_have_the_umask_of_the_user(
    studies: Path, app: Path, tmp_path: Path
) -> None:
    output = tmp_path / "shared" / "outputs"
    output.parent.mkdir()
    with serving(studies) as client:
        client.run(job_document(app, "report", output=str(output)))
        client.run(job_document(app, "report", output="gs://bucket/outputs"))
        files = [path for path in studies.rglob("*") if path.name not in {"metrics.jsonl"}]
        assert {"service.db", "service.db-wal", "service.db-shm", "service.token", "log.txt"} <= {p.name for p in files}
        assert [path for path in files if mode(path) & 0o077] == []
    assert mode(studies) == 0o700
    assert mode(output / "1/model") == mode(output) == 0o755
    assert mode(studies / "gcs/bucket/outputs/1/model") == 0o700
    assert {mode(path) for path in studies.rglob("metrics.jsonl")} == {0o644}


def test_the_folder_of_an_earlier_version_is_made_private(studies: Path) -> None:
    with start(studies):
        pass
    studies.chmod(0o775)
    (studies / "service.db").chmod(0o644)
    (studies / "jobs").mkdir(mode=0o755)
    assert make_private(ServiceFolder(studies)) == ""
    assert (mode(studies), mode(studies / "service.db"), mode(studies / "jobs")) == (0o700, 0o600, 0o700)


def test_a_folder_with_other_files_keeps_its_mode_and_the_service_says_so(studies: Path, tmp_path: Path) -> None:
    studies.mkdir()
    (studies / "train.py").touch()
    with start(studies) as service, Client(service.url, studies, service.pid):
        assert (mode(studies), mode(studies / "train.py")) == (0o755, 0o644)
        own = [path for path in studies.iterdir() if path.name != "train.py"]
        assert {"service.db", "jobs", "gcs"} <= {path.name for path in own}
        assert [path for path in own if mode(path) & 0o077] == []
    assert "also has other files, such as train.py" in (tmp_path / "studies.log").read_text()


def test_what_the_user_may_do_in_the_folder_stays(studies: Path) -> None:
    studies.mkdir(mode=0o555)
    assert make_private(ServiceFolder(studies)) == ""
    assert mode(studies) == 0o500
    studies.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_the_folder_of_another_user_keeps_its_mode_and_the_service_says_so(studies: Path) -> None:
    studies.mkdir()
    os.chown(studies, 65534, 65534)
    assert "belongs to another user" in make_private(ServiceFolder(studies))
    assert mode(studies) == 0o755


@pytest.mark.parametrize(
    ("above", "umask", "made"), [(0o755, 0o002, 0o775), (0o755, 0o077, 0o700), (0o700, 0o002, 0o700)]
)
def test_a_folder_for_outputs_is_as_open_as_the_one_above_it(tmp_path: Path, above: int, umask: int, made: int) -> None:
    (tmp_path / "above").mkdir()
    (tmp_path / "above").chmod(above)
    os.umask(0o077)
    make_output_folder(tmp_path / "above/a/b", umask)
    assert mode(tmp_path / "above/a") == mode(tmp_path / "above/a/b") == made
