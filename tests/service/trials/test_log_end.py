"""The end of a trial's log, as the reason of a failed trial, the live page and the report show it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hydra_vertex.protocol.secret_fingerprints import fingerprints
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.exit_status import with_tail
from hydra_vertex.service.trials.log_end import READ_BYTES, log_end, log_tail, study_logs


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"", ""),
        (b"plain\n\n", "plain"),
        (b"\x1b[1;31mred\x1b[0m\n", "red"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x07\n", "link"),
        (b" 10%\r 50%\r100%\n", "100%"),
        (b" 10%\r 50%\r100%\r\x1b[K\n", "100%"),
        (b" 10%\r 50%\r100%\r        \n", "100%"),
        (b"1/10 [>  ]\b\b\b\b\b\b\b\b\b\b2/10 [=> ]\b\b\n", "2/10 [=> ]"),
        (b"\b\bb\boa\bld", "old"),
        (b"windows\r\nlines\r\n", "windows\nlines"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"a\x00\x07b\tc", "ab\tc"),
    ],
)
def test_a_log_is_shown_as_a_terminal_shows_it(tmp_path: Path, printed: bytes, shown: str) -> None:
    (tmp_path / "log.txt").write_bytes(printed)
    assert log_tail(TrialFolder(tmp_path)) == shown


def test_only_the_last_lines_of_a_long_log_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert log_tail(TrialFolder(log.parent)).splitlines() == [f"line {n}" for n in range(99_970, 100_000)]
    log.write_text("x" * 1_000_000)
    assert log_tail(TrialFolder(log.parent)) == "x" * 4000


def test_the_end_of_a_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("token=hunter2hunter2\n" + "y" * 90 + "\n")
    assert log_end(log, 30, 100) == "y" * 90
    log.write_text("token=hunter2hunter2\n" + "y" * (READ_BYTES - 10))  # the read begins within the first line
    assert "hunter2" not in (log_end(log, 30, 1 << 20) or "")


def test_a_reason_has_no_log_lines_when_nothing_was_printed(tmp_path: Path) -> None:
    assert with_tail("exited with code 1", log_tail(TrialFolder(tmp_path / "none"))) == "exited with code 1"


def test_the_logs_of_a_study_are_those_of_its_trials_without_the_secrets_that_they_have_read(tmp_path: Path) -> None:
    for trial, text in (("1", "first\n"), ("2", "key is hunter2hunter2\n"), ("3", "")):
        (tmp_path / trial).mkdir()
        (tmp_path / trial / "log.txt").write_text(text)
    (tmp_path / "4").mkdir()
    (tmp_path / "2/fingerprints.json").write_text(json.dumps(fingerprints(["hunter2hunter2"], "salt")))
    assert study_logs(tmp_path, 5, 100) == {"1": "first", "2": "key is ***", "3": ""}
    assert study_logs(tmp_path / "none", 5, 100) == {}
