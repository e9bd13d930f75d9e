"""How a line gets into the file: by one write, and where that is not possible by a rewrite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.trial.reporting.line_append import append_line
from hydra_vertex.trial.reporting.page import PAGE_BYTES

LINE = b'{"loss": "1.0"}\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


def append(file: Path, line: bytes = LINE) -> bool:
    """Whether the file was appended to, and not replaced."""
    before = file.stat().st_ino
    with file.open("rb") as held:  # the number of a file that is open is not given to another
        append_line(file, line, longest=100)
        assert held.fileno() > 0
        return file.stat().st_ino == before


def test_the_first_line_is_there_whole_or_not_at_all(file: Path) -> None:
    append_line(file, LINE, longest=0)
    assert file.read_bytes() == LINE
    assert [path.name for path in file.parent.iterdir()] == ["metrics"]


@pytest.mark.parametrize("content", [b"", LINE, LINE * 100, b"x" * (PAGE_BYTES - len(LINE) - 1) + b"\n"])
def test_a_line_that_fits_on_the_page_is_appended(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert append(file)
    assert file.read_bytes().rstrip() == (content + LINE).rstrip()


@pytest.mark.parametrize("left", [1, len(LINE) - 1])
def test_a_line_that_would_cross_a_page_is_written_with_the_whole_file(file: Path, left: int) -> None:
    content = b"x" * (PAGE_BYTES - left - 1) + b"\n"
    file.write_bytes(content)
    assert not append(file)
    assert file.read_bytes() == content + LINE


def test_a_line_that_is_longer_than_a_page_is_added_too(file: Path) -> None:
    file.write_bytes(LINE)
    long = b'{"' + b"x" * PAGE_BYTES + b'": 1}\n'
    assert not append(file, long)
    assert file.read_bytes() == LINE + long


@pytest.mark.parametrize("torn", [b'{"loss": "0.', b'{"loss": "0.5"}', b"\xff"])
def test_a_last_line_without_a_newline_gets_one_in_the_same_write(file: Path, torn: bytes) -> None:
    file.write_bytes(LINE + torn)
    assert append(file)
    assert file.read_bytes() == LINE + torn + b"\n" + LINE


def test_a_link_is_followed(file: Path) -> None:
    target = file.parent / "deep" / "target"
    file.symlink_to(target)
    for content in (LINE, 2 * LINE):
        append_line(file, LINE, longest=0)
        assert (file.is_symlink(), target.read_bytes()) == (True, content)


def in_process(code: str, file: Path) -> subprocess.CompletedProcess[str]:
    """Lines of Python with `append_line`, `file` and `LINE`, and without the rights of root."""
    start = (
        "import os, resource, sys; from pathlib import Path\n"
        "from hydra_vertex.trial.reporting.line_append import append_line\n"
        f"file, LINE = Path(sys.argv[1]), {LINE!r}\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    )
    return subprocess.run([sys.executable, "-c", start + code, str(file)], capture_output=True, text=True, check=False)


@pytest.fixture
def open_to_all(file: Path) -> Path:
    """The file, for another user: pytest's folders are for one alone."""
    for folder in file.parents:
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
    return file


def test_a_file_that_may_only_be_read_is_replaced(open_to_all: Path) -> None:
    open_to_all.write_bytes(LINE)
    open_to_all.chmod(0o444)
    open_to_all.parent.chmod(0o777)
    ended = in_process("append_line(file, LINE, longest=0)", open_to_all)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert open_to_all.read_bytes() == 2 * LINE


@pytest.mark.parametrize("length", [len(LINE), PAGE_BYTES + 10])
def test_where_no_file_can_be_made_a_line_is_appended_however_long_it_is(open_to_all: Path, length: int) -> None:
    open_to_all.write_bytes(LINE)
    open_to_all.chmod(0o666)
    open_to_all.parent.chmod(0o555)
    ended = in_process(f"append_line(file, b'x' * {length - 1} + b'\\n', longest=0)", open_to_all)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert open_to_all.read_bytes() == LINE + b"x" * (length - 1) + b"\n"


def test_a_line_that_has_no_room_leaves_the_file_as_it_was(open_to_all: Path) -> None:
    """A limit on the size of files cuts the write short, as a full disk may."""
    open_to_all.write_bytes(LINE)
    open_to_all.chmod(0o666)
    open_to_all.parent.chmod(0o777)
    code = (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(LINE) + 5}, {len(LINE) + 5}))\n"
        "try: append_line(file, LINE, longest=0)\n"
        "except OSError as error: print(error.strerror)"
    )
    ended = in_process(code, open_to_all)
    assert (ended.stdout, ended.stderr) == ("No space left on device\n", "")
    assert open_to_all.read_bytes() == LINE
    assert [path.name for path in open_to_all.parent.iterdir()] == ["metrics"]
