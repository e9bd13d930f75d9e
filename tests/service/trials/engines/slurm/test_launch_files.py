from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from hydra_vertex.service.trials.engines.slurm.launch_files import (
    CANCELLED,
    REMOVED,
    Attempt,
    LaunchFiles,
    LaunchRecord,
)


@pytest.fixture
def files(tmp_path: Path) -> LaunchFiles:
    return LaunchFiles(tmp_path, "hv-1-2-3")


def test_a_launch_without_a_folder_has_no_record(files: LaunchFiles) -> None:
    assert files.read() == LaunchRecord()
    files.mark(CANCELLED)
    assert not files.path.exists()
    assert files.attempt_folders() == []


def test_what_service_and_job_have_written_is_read(files: LaunchFiles) -> None:
    files.write_scripts(b"batch", b"worker", "setup")
    files.submitted("12")
    (files.path / "claim").symlink_to("12")
    for number in ("0", "2", "10"):
        (files.path / number).mkdir()
    last = files.path / "10"
    (last / "started").write_text("1700000000.5 n[1-2]\n")
    (last / "exit.0").write_text("143 1700000003.2\n")
    (last / "exit.1").write_text("5 1700000002.1\n")
    (last / "exit.10").write_text("0 1700000001.1\n")
    (last / ".exit").write_text("0")
    assert files.read() == LaunchRecord(
        "12",
        "12",
        attempt=Attempt(
            10,
            datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=timezone.utc),
            "n[1-2]",
            ranks=((10, 0), (1, 5), (0, 143)),
        ),
    )
    (last / "exit").write_text("5 0 1700000004\n")
    attempt = files.read().attempt
    assert attempt is not None
    assert (attempt.exit_code, attempt.is_signalled, attempt.worker_code) == (5, False, 5)
    files.mark(REMOVED)
    assert files.read().is_removed
    assert not files.read().is_cancelled


def test_an_attempt_that_has_only_a_folder_has_not_begun(files: LaunchFiles) -> None:
    (files.path / "0").mkdir(parents=True)
    assert files.read().attempt is None


def test_a_signal_is_dated_by_the_file_of_it(files: LaunchFiles) -> None:
    folder = files.path / "0"
    folder.mkdir(parents=True)
    (folder / "started").write_text("1700000000.5 n1\n")
    (folder / "signalled").touch()
    os.utime(folder / "started", (1700000900, 1700000900))  # the node's clock and that of the files may differ
    os.utime(folder / "signalled", (1700001000, 1700001000))
    attempt = files.read().attempt
    assert attempt is not None
    assert attempt.is_signalled
    assert attempt.signalled_after_s == 100


def test_the_last_error_of_slurm_is_its_message(files: LaunchFiles) -> None:
    files.path.mkdir(parents=True)
    (files.path / "slurm-12.txt").write_text(
        "srun: error: n2: task 1: Exited with exit code 5\n"
        "slurmstepd-n1: error: *** JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***\n"
        "worker.sh: line 3: 17 Killed\n"
    )
    assert files.slurm_message("12") == "JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION"
    assert files.slurm_message("13") == ""


@pytest.mark.parametrize("name", ["job", "0/started", "0/exit"])
def test_a_file_that_cannot_be_read_is_no_missing_one(files: LaunchFiles, name: str) -> None:
    (files.path / "0").mkdir(parents=True)
    (files.path / "0" / "started").write_text("1700000000.5 n1\n")
    (files.path / name).unlink(missing_ok=True)
    (files.path / name).mkdir()
    with pytest.raises(OSError, match="not a regular file"):
        files.read()
