"""`hydra-vertex run` on a disk that becomes full: it reports the disk and the command to continue; no data is lost."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.launcher.files.disk_space import FullDisk, full_disk, is_no_space, watched_folders
from hydra_vertex.pipelines.local.failures import DiskFull, StepFailed, full_disk_named, require_space
from hydra_vertex.protocol.errors import Interrupted, OutputError

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]
REPORT_LIMIT_S = 5.0
"""A full disk is reported within 2 s; the limit is higher for a busy machine."""


def on_small_disk(folder: Path, stage: str) -> dict[str, Any]:
    if shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted: this machine has no user namespaces")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [*UNSHARE, sys.executable, "-m", "cli.full_disk", str(folder), stage]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout)
    assert "Traceback" not in without_traceback_of_app(result["stderr"])
    return result


def without_traceback_of_app(stderr: str) -> str:
    """Remove the traceback of an app that could not write a file."""
    return re.sub(r"Traceback(.(?!hydra-vertex: ))*No space left on device", "", stderr, flags=re.DOTALL)


def test_a_run_on_a_full_disk_starts_nothing(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "start")

    assert result["code"] == 1
    (line,) = result["stderr"].splitlines()
    assert line.startswith(
        f"hydra-vertex: the disk of {tmp_path}/disk is full (0 bytes free), so nothing was started; "
    )
    assert f"then run hydra-vertex run --search search.yaml --out {tmp_path}/disk/out -- python app.py" in line


def test_a_study_reports_a_full_disk_and_continues_when_there_is_space(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "tuning")

    assert result["code"] == 0, result["stderr"]
    assert result["reported_after_s"] < REPORT_LIMIT_S
    assert f"the disk of {tmp_path}/disk/out is full (0 bytes free): the trials wait, and" in result["stderr"]
    assert "or press Ctrl-C and run the same command again later\n" in result["stderr"]
    assert "the study continues\n" in result["stderr"]


def test_ctrl_c_on_a_full_disk_ends_the_run_and_the_same_command_continues_it(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "tuning, Ctrl-C")

    assert result["code"] == 130, result["stderr"]
    assert "To continue:\n  hydra-vertex run" in result["stderr"]


@pytest.mark.parametrize("stage", ["select", "retrain", "gather"])
def test_a_failure_on_a_full_disk_is_reported_with_the_command_to_continue(tmp_path: Path, stage: str) -> None:
    result = on_small_disk(tmp_path, stage)

    assert result["code"] == 1, result["stderr"]
    line = result["stderr"].splitlines()[-1]
    assert f"hydra-vertex: the disk of {tmp_path}/disk/out is full (" in line
    assert "All measurements are kept; free some space there, then run hydra-vertex run --search" in line


def test_a_full_disk_is_reported_while_a_step_runs(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "stalled retrain")

    assert result["code"] == 0, result["stderr"]
    assert result["reported_after_s"] < REPORT_LIMIT_S
    assert "is full (0 bytes free): the step retrain may fail; free some space there" in result["stderr"]
    assert f"the disk of {tmp_path}/disk/out has space again\n" in result["stderr"]


def test_a_disk_with_space_is_not_full_even_if_the_folder_does_not_exist(tmp_path: Path) -> None:
    assert full_disk([tmp_path, tmp_path / "not" / "there", Path("/nowhere/at/all")]) is None
    require_space([tmp_path], "the command")


def test_a_file_system_without_sizes_is_not_full() -> None:
    assert full_disk([Path("/proc"), Path("/sys")]) is None


def test_errors_of_a_full_disk_are_recognised(tmp_path: Path) -> None:
    error = OutputError("cannot be written")
    error.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")

    assert is_no_space(error)
    assert is_no_space(shutil.Error([("a", "b", f"[Errno 28] {os.strerror(errno.ENOSPC)}: 'b'")]))
    assert not is_no_space(shutil.Error([("a", "b", "[Errno 13] Permission denied: 'b'")]))
    assert not is_no_space(OSError(errno.EACCES, "Permission denied"))
    assert not is_no_space(None)


@pytest.mark.parametrize("error", [OSError(errno.EDQUOT, "Disk quota exceeded"), StepFailed("tune", 74)])
def test_an_exceeded_quota_is_recognised_by_the_error(tmp_path: Path, error: Exception) -> None:
    says = r"no space left during a write\), and the run ended: .*then run the command"
    with pytest.raises(DiskFull, match=says), full_disk_named([tmp_path], "the command"):
        raise error


@pytest.mark.parametrize("error", [StepFailed("tune", 1), Interrupted("stopped"), OutputError("x"), KeyError("x")])
def test_an_error_without_a_full_disk_is_raised_unchanged(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, full_disk_named([tmp_path], "the command"):
        raise error
    assert caught.value is error


def test_the_watched_folders_are_parsed_from_one_variable() -> None:
    assert watched_folders(f"/a b{os.pathsep}/c") == (Path("/a b"), Path("/c"))
    assert watched_folders("") == ()
    assert str(FullDisk(Path("/a"), "no inodes free")) == "the disk of /a is full (no inodes free)"
