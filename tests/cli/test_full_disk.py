"""A disk that becomes full under `hydra-vertex run`: it is said at once, with how to go on, and nothing is lost."""

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
TOLD_LIMIT_S = 5.0
"""It is told within 2 s; this machine may be busy."""


def on_small_disk(folder: Path, stage: str) -> dict[str, Any]:
    if shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk: no user namespaces")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [*UNSHARE, sys.executable, "-m", "cli.full_disk", str(folder), stage]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout)
    assert "Traceback" not in without_the_app_s_own(result["said"])
    return result


def without_the_app_s_own(said: str) -> str:
    """The app may say with a traceback what it could not write."""
    return re.sub(r"Traceback(.(?!hydra-vertex: ))*No space left on device", "", said, flags=re.DOTALL)


def test_a_run_on_a_full_disk_starts_nothing(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "start")

    assert result["code"] == 1
    (line,) = result["said"].splitlines()
    assert line.startswith(f"hydra-vertex: the disk of {tmp_path}/disk is full (0 bytes free), so nothing is started; ")
    assert f"then run hydra-vertex run --search search.yaml --out {tmp_path}/disk/out -- python app.py" in line


def test_a_study_on_a_disk_that_is_full_for_a_while_says_so_and_goes_on(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "tuning")

    assert result["code"] == 0, result["said"]
    assert result["told_after_s"] < TOLD_LIMIT_S
    assert f"the disk of {tmp_path}/disk/out is full (0 bytes free): the trials wait, and" in result["said"]
    assert "or press Ctrl-C and run the same command again later\n" in result["said"]
    assert "the study continues\n" in result["said"]


def test_ctrl_c_on_a_full_disk_ends_and_the_same_command_goes_on_later(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "tuning, Ctrl-C")

    assert result["code"] == 130, result["said"]
    assert "To go on:\n  hydra-vertex run" in result["said"]


@pytest.mark.parametrize("stage", ["select", "retrain", "gather"])
def test_a_step_that_a_full_disk_ends_is_named_with_how_to_go_on(tmp_path: Path, stage: str) -> None:
    result = on_small_disk(tmp_path, stage)

    assert result["code"] == 1, result["said"]
    line = result["said"].splitlines()[-1]
    assert f"hydra-vertex: the disk of {tmp_path}/disk/out is full (" in line
    assert "What was measured is kept; free some space there, then run hydra-vertex run --search" in line


def test_a_step_that_waits_on_a_full_disk_is_told_of_too(tmp_path: Path) -> None:
    result = on_small_disk(tmp_path, "stalled retrain")

    assert result["code"] == 0, result["said"]
    assert result["told_after_s"] < TOLD_LIMIT_S
    assert "is full (0 bytes free): the step retrain may fail; free some space there" in result["said"]
    assert f"the disk of {tmp_path}/disk/out has space again\n" in result["said"]


def test_a_disk_with_space_is_not_full_whether_the_folder_is_there_or_not(tmp_path: Path) -> None:
    assert full_disk([tmp_path, tmp_path / "not" / "there", Path("/nowhere/at/all")]) is None
    require_space([tmp_path], "the command")


def test_a_file_system_without_sizes_is_not_full() -> None:
    assert full_disk([Path("/proc"), Path("/sys")]) is None


def test_which_errors_are_those_of_a_full_disk(tmp_path: Path) -> None:
    error = OutputError("cannot be written")
    error.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")

    assert is_no_space(error)
    assert is_no_space(shutil.Error([("a", "b", f"[Errno 28] {os.strerror(errno.ENOSPC)}: 'b'")]))
    assert not is_no_space(shutil.Error([("a", "b", "[Errno 13] Permission denied: 'b'")]))
    assert not is_no_space(OSError(errno.EACCES, "Permission denied"))
    assert not is_no_space(None)


@pytest.mark.parametrize("error", [OSError(errno.EDQUOT, "Disk quota exceeded"), StepFailed("tune", 74)])
def test_a_quota_that_no_size_shows_is_known_by_the_error(tmp_path: Path, error: Exception) -> None:
    says = r"no space left when it was written to\), and the run ended: .*then run the command"
    with pytest.raises(DiskFull, match=says), full_disk_named([tmp_path], "the command"):
        raise error


@pytest.mark.parametrize("error", [StepFailed("tune", 1), Interrupted("stopped"), OutputError("x"), KeyError("x")])
def test_what_has_nothing_to_do_with_a_disk_passes_through(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, full_disk_named([tmp_path], "the command"):
        raise error
    assert caught.value is error


def test_folders_travel_to_a_step_as_one_text() -> None:
    assert watched_folders(f"/a b{os.pathsep}/c") == (Path("/a b"), Path("/c"))
    assert watched_folders("") == ()
    assert str(FullDisk(Path("/a"), "no inodes free")) == "the disk of /a is full (no inodes free)"
