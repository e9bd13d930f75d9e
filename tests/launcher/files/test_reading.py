from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hydra_vertex.launcher.files.reading import JOB_FILE, SEARCH_FILE, FileKind, read_text
from hydra_vertex.protocol.errors import OutputError, SearchSpaceError

KIND = FileKind("note", 100, OutputError, "give a note")


def refusal(path: Path, kind: FileKind = KIND) -> str:
    with pytest.raises(kind.error) as caught:
        read_text(path, kind)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(f"; {kind.advice}")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("content", ["", "plain", "\ufeffmarked"])
def test_a_text_file_is_read_without_its_byte_order_mark(tmp_path: Path, content: str) -> None:
    file = tmp_path / "note"
    file.write_text(content)

    assert read_text(file, KIND) == content.removeprefix("\ufeff")


def test_a_path_that_is_not_a_regular_file_is_refused_without_waiting_or_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert "cannot be read as a note" in refusal(tmp_path / "socket")

    assert "is a pipe, not a regular file" in refusal(tmp_path / "pipe")
    assert "is a folder, not a regular file" in refusal(tmp_path)
    assert "is a device, not a regular file" in refusal(Path("/dev/zero"))
    assert "is a device, not a regular file" in refusal(Path("/dev/null"))


def test_a_kernel_file_without_a_size_is_not_read_beyond_the_limit() -> None:
    # Such files report a size of 0 bytes and have content.
    assert "a note may have at most 100" in refusal(Path("/proc/self/status"))


def test_a_file_that_is_too_large_is_refused_with_both_sizes(tmp_path: Path) -> None:
    file = tmp_path / "note"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)

    assert f"has {1 << 40:,} bytes; a note may have at most 100" in refusal(file)
    file.write_text("x" * 100)
    assert read_text(file, KIND) == "x" * 100


def test_the_first_byte_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "note"
    file.write_bytes(b"caf\xe9")

    assert "not UTF-8 text (byte 3 is 0xe9)" in refusal(file)


def test_the_error_for_a_missing_file_quotes_the_operating_system(tmp_path: Path) -> None:
    assert "cannot be read as a job (No such file or directory)" in refusal(tmp_path / "job.json", JOB_FILE)
    assert "File name too long" in refusal(tmp_path / ("x" * 300), SEARCH_FILE)


def test_each_kind_raises_its_own_error() -> None:
    assert SEARCH_FILE.error is SearchSpaceError
    assert JOB_FILE.error is OutputError
