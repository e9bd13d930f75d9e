"""The copies of the trials' logs in the folder of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.pipelines.local import run_folder
from hydra_vertex.pipelines.local.run_folder import RunFolder, keep_trial_logs


@pytest.mark.parametrize(
    ("log", "kept"),
    [
        (b"", b""),
        (b"a" * 10 + b"b" * 30, b"a" * 10 + b"b" * 30),
        (b"a" * 10 + b"-" * 21 + b"b" * 10, b"a" * 10 + b"\n[... 21 bytes of log left out here ...]\n" + b"b" * 10),
    ],
)
def test_of_a_long_log_the_beginning_and_the_end_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: bytes, kept: bytes
) -> None:
    monkeypatch.setattr(run_folder, "LOG_LIMIT_BYTES", 40)
    folder = RunFolder(tmp_path)
    place = folder.studies / "jobs" / "1" / "trials" / "7"
    place.mkdir(parents=True)
    # A log of Slurm is a link to that of the job's last run.
    (place / "job.txt").write_bytes(log)
    (place / "log.txt").symlink_to("job.txt")

    keep_trial_logs(folder, "1")

    assert (tmp_path / "logs" / "trial-7.log").read_bytes() == kept
