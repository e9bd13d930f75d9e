from __future__ import annotations

import contextlib
import errno
import json
import signal
from pathlib import Path

import pytest

from hydra_vertex.launcher.steps import step as step_module
from hydra_vertex.launcher.steps.step import run_step
from hydra_vertex.protocol.errors import DocumentError, OutputError, StudyError
from hydra_vertex.protocol.executor import ExecutorInput

NO_SPACE = OSError(errno.ENOSPC, "No space left on device", "/disk/job")
CAUSED = OutputError("/disk/report: cannot be written")
CAUSED.__cause__ = NO_SPACE


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (StudyError("no trial\nthe reason\x1b[2J"), 1, "select_best: no trial\nthe reason\\x1b[2J\n"),
        (DocumentError("field", "is bad"), 2, "select_best: field: is bad\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "select_best: /x: Permission denied\n"),
        (NO_SPACE, 74, "select_best: /disk/job: No space left on device\n"),
        (CAUSED, 74, "select_best: /disk/report: cannot be written\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_step_prints_its_error_and_returns_the_exit_code_of_its_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, expected: str
) -> None:
    def step(given: ExecutorInput) -> None:
        """Fail."""
        raise error

    given = json.dumps({"outputs": {"outputFile": str(tmp_path / "out.json")}})

    assert run_step("select_best", step, ["--executor_input", given]) == code
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("handles_errors", [False, True])
def test_a_step_with_a_time_limit_ends_also_when_it_handles_the_error_as_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, handles_errors: bool
) -> None:
    monkeypatch.setattr(step_module, "_AGAIN_S", 0.05)

    def endless(_: ExecutorInput) -> None:
        with contextlib.suppress(StudyError) if handles_errors else contextlib.nullcontext():
            signal.pause()
        signal.pause()

    outputs = {"outputs": {"outputFile": str(tmp_path / "output.json")}}
    before = signal.getsignal(signal.SIGALRM)

    assert run_step("select_best", endless, ["--executor_input", json.dumps(outputs)], limit_s=0.05) == 1
    assert capsys.readouterr().err == (
        "select_best: has not ended within 0.05 s; start it again, its inputs are kept\n"
    )
    assert signal.getsignal(signal.SIGALRM) == before
