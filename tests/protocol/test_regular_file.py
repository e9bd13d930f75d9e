"""Opening of paths that may not be regular files."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from hydra_vertex.protocol.regular_file import irregular_kind, open_regular

FLAGS = [os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT]


@pytest.mark.parametrize("flags", FLAGS)
def test_a_regular_file_and_a_link_to_one_are_opened(tmp_path: Path, flags: int) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        descriptor = open_regular(tmp_path / name, flags)
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)


@pytest.mark.parametrize("flags", FLAGS)
def test_a_fifo_is_refused_without_waiting_for_its_other_end(tmp_path: Path, flags: int) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=r"it is a FIFO, not a regular file|No such device or address"):
        open_regular(tmp_path / "fifo", flags)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("path", "kind"), [("/dev/null", "a character device"), ("/dev/full", "a character device"), ("/", "a folder")]
)
def test_the_error_for_a_file_that_is_not_regular_names_its_kind(path: str, kind: str) -> None:
    with pytest.raises(OSError, match=f"it is {kind}, not a regular file") as caught:
        open_regular(path, os.O_RDONLY)
    assert (caught.value.errno, caught.value.filename) == (errno.EINVAL, path)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is limited to about 100 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(OSError, match="No such device or address"):
            open_regular("socket", os.O_RDONLY)
    assert irregular_kind(Path("socket").stat().st_mode) == "a socket"


def test_a_missing_file_raises_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "file", os.O_RDONLY)


@pytest.mark.parametrize(
    ("mode", "kind"), [(stat.S_IFREG | 0o644, None), (stat.S_IFBLK, "a block device"), (0, "something else")]
)
def test_irregular_kind_returns_the_kind_of_a_file_or_none_for_a_regular_file(mode: int, kind: str | None) -> None:
    assert irregular_kind(mode) == kind
