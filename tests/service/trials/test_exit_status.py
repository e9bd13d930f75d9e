"""What is said of a trial that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.service.trials.exit_status import (
    ExitStatus,
    failure_reason,
    log_tail,
    read_exit_status,
    with_log_tail,
)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (ExitStatus(3, None, False, False, ""), "exited with code 3"),
        (ExitStatus(None, 9, False, False, ""), "killed by signal 9 (SIGKILL)"),
        (ExitStatus(None, 40, False, False, ""), "killed by signal 40 (a signal without a name)"),
        (ExitStatus(None, 15, True, False, ""), "ran past its limit of 30 s"),
        (ExitStatus(0, None, True, False, ""), "ran past its limit of 30 s"),
        (
            ExitStatus(None, 9, False, False, "", memory_bytes=5 << 30),
            "killed when it used 5 GiB of memory, more than --trial-memory allows",
        ),
        (ExitStatus(None, None, False, False, "'x': No such file"), "could not be started: 'x': No such file"),
    ],
)
def test_an_ending_that_is_not_well_is_one_line(ending: ExitStatus, reason: str) -> None:
    assert not ending.is_well
    assert failure_reason(ending, 30.0) == reason


@pytest.mark.parametrize("content", [None, "", "{", "[]", '"x"'])
def test_a_report_that_is_missing_or_broken_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "exit.json").write_text(content)
    assert read_exit_status(tmp_path / "exit.json") is None


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"", ""),
        (b"plain\n\n", "plain"),
        (b"\x1b[1;31mred\x1b[0m\n", "red"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x07\n", "link"),
        (b" 10%\r 50%\r100%\n", "100%"),
        (b"windows\r\nlines\r\n", "windows\nlines"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"a\x00\x07b\tc", "ab\tc"),
    ],
)
def test_a_log_is_shown_as_a_terminal_would(tmp_path: Path, printed: bytes, shown: str) -> None:
    (tmp_path / "log.txt").write_bytes(printed)
    assert log_tail(tmp_path / "log.txt") == shown


def test_of_a_long_log_the_last_lines_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert log_tail(log).splitlines() == [f"line {n}" for n in range(99_970, 100_000)]
    log.write_text("x" * 1_000_000)
    assert log_tail(log) == "x" * 4000


def test_a_reason_stands_alone_when_nothing_was_printed(tmp_path: Path) -> None:
    assert with_log_tail("exited with code 1", tmp_path / "none") == "exited with code 1"
