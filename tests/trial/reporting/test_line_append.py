"""A line is appended by one write, or where that is not possible by a rewrite."""

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
    """Append a line. Return whether the file was appended to (not replaced)."""
    before = file.stat().st_ino
    with file.open("rb") as held:  # the inode number of an open file is not reused
        append_line(file, line, longest=100)
        assert held.fileno() > 0
        return file.stat().st_ino == before


def test_the_first_line_is_written_completely_or_not_at_all(file: Path) -> None:
    append_line(file, LINE, longest=0)
    assert file.read_bytes() == LINE
    assert [path.name for path in file.parent.iterdir()] == ["metrics"]


@pytest.mark.parametrize("content", [b"", LINE, LINE * 100, b"x" * (PAGE_BYTES - len(LINE) - 1) + b"\n"])
def test_a_line_that_fits_on_the_page_is_appended(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert append(file)
    assert file.read_bytes().rstrip() == (content + LINE).rstrip()


@pytest.mark.parametrize("left", [1, len(LINE) - 1])
def test_a_line_that_would_cross_a_page_is_added_by_a_rewrite(file: Path, left: int) -> None:
    content = b"x" * (PAGE_BYTES - left - 1) + b"\n"
    file.write_bytes(content)
    assert not append(file)
    assert file.read_bytes() == content + LINE


def test_a_line_longer_than_a_page_is_added(file: Path) -> None:
    file.write_bytes(LINE)
    long = b'{"' + b"x" * PAGE_BYTES + b'": 1}\n'
    assert not append(file, long)
    assert file.read_bytes() == LINE + long


@pytest.mark.parametrize("torn", [b'{"loss": "0.', b'{"loss": "0.5"}', b"\xff"])
def test_a_missing_last_newline_is_added_in_the_same_write(file: Path, torn: bytes) -> None:
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
    """Run Python code with `append_line`, `file` and `LINE`, as a user without root permissions."""
    start = (
        "import os, resource, sys; from pathlib import Path\n"
        "from hydra_vertex.trial.reporting.line_append import append_line\n"
        f"file, LINE = Path(sys.argv[1]), {LINE!r}\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    )
    return subprocess.run([sys.executable, "-c", start + code, str(file)], capture_output=True, text=True, check=False)


@pytest.fixture
def open_to_all(file: Path) -> Path:
    """The file in a folder that other users can access; pytest's folders are private."""
    for folder in file.parents:
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
    return file


def test_a_read_only_file_is_replaced(open_to_all: Path) -> None:
    open_to_all.write_bytes(LINE)
    open_to_all.chmod(0o444)
    open_to_all.parent.chmod(0o777)
    ended = in_process("append_line(file, LINE, longest=0)", open_to_all)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert open_to_all.read_bytes() == 2 * LINE


@pytest.mark.parametrize("length", [len(LINE), PAGE_BYTES + 10])
def test_a_line_of_any_length_is_appended_where_no_file_can_be_created(open_to_all: Path, length: int) -> None:
    open_to_all.write_bytes(LINE)
    open_to_all.chmod(0o666)
    open_to_all.parent.chmod(0o555)
    ended = in_process(f"append_line(file, b'x' * {length - 1} + b'\\n', longest=0)", open_to_all)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert open_to_all.read_bytes() == LINE + b"x" * (length - 1) + b"\n"


def test_a_line_without_space_leaves_the_file_unchanged(open_to_all: Path) -> None:
    """A limit on the file size causes a partial write, as a full disk may."""
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
