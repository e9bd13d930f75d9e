from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from hydra_vertex.protocol.files import local_path, write_atomic
from hydra_vertex.protocol.whole_file import PRIVATE_MODE, write_whole


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_and_no_temporary_file_remains(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomic(path, "old", durable=durable)
    write_atomic(path, b"new", durable=durable)

    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_new_file_has_default_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", "x")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_private_file_takes_the_place_of_a_readable_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o644)
    write_whole(str(path), b"x", mode=PRIVATE_MODE)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "x"


def test_the_permissions_of_files_that_other_threads_create_are_not_affected(tmp_path: Path) -> None:
    """The umask belongs to the process: a temporary change would affect all threads."""
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
def test_the_local_path_of_a_uri_is_below_the_mount_of_its_store(uri: str, path: str) -> None:
    assert local_path(uri) == Path(path)
