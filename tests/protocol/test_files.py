from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from hydra_vertex.protocol.files import local_path, write_atomic


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomic(path, "old", durable=durable)
    write_atomic(path, b"new", durable=durable)

    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_new_file_has_the_permissions_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", "x")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_the_permissions_of_other_threads_files_are_left_alone(tmp_path: Path) -> None:
    """The umask is the whole process's: whoever changes it for a moment changes it for all threads."""
    before = os.umask(0o077)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            write_atomic(tmp_path / "file", "x", durable=False)

    thread = threading.Thread(target=write)
    try:
        thread.start()
        for number in range(3000):
            other = tmp_path / f"other{number}"
            other.touch()
            assert stat.S_IMODE(other.stat().st_mode) == 0o600
    finally:
        stop.set()
        thread.join()
        os.umask(before)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("minio://bucket/a", "/minio/bucket/a"),
        ("file:///a/b", "/a/b"),
        ("/a/b", "/a/b"),
        ("a/b", "a/b"),
    ],
)
def test_a_uri_is_found_where_its_store_is_mounted(uri: str, path: str) -> None:
    assert local_path(uri) == Path(path)
