"""Reads of exit.json, and the reason given for a failed trial."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason, read_exit_status


@pytest.mark.parametrize(
    ("exit_status", "reason"),
    [
        (ExitStatus(code=3), "exited with code 3"),
        (ExitStatus(signal=9), "killed by signal 9 (SIGKILL)"),
        (ExitStatus(signal=40), "killed by signal 40"),
        (ExitStatus(signal=15, timed_out=True), "ran past its limit of 30 s"),
        (ExitStatus(code=0, timed_out=True), "ran past its limit of 30 s"),
        (
            ExitStatus(signal=9, memory_bytes=5 << 30),
            "killed when it used 5 GiB of memory, more than --trial-memory allows",
        ),
        (ExitStatus(error="'x': No such file"), "could not be started: 'x': No such file"),
    ],
)
def test_a_failure_is_described_in_one_line(exit_status: ExitStatus, reason: str) -> None:
    assert not exit_status.is_success
    assert failure_reason(exit_status, 30.0) == reason


def test_a_report_of_the_supervisor_is_read(tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text('{"code": 3, "signal": null, "started": 1.5, "token": "t"}')
    assert read_exit_status(tmp_path / "exit.json", "t") == ExitStatus(
        code=3, started=datetime(1970, 1, 1, 0, 0, 1, 500000, timezone.utc)
    )


@pytest.mark.parametrize("content", [None, "", "{", "[]", '"x"', '{"code": 0}', '{"code": 0, "token": "forged"}'])
def test_a_missing_broken_or_forged_report_reads_as_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "exit.json").write_text(content)
    assert read_exit_status(tmp_path / "exit.json", "t") is None
