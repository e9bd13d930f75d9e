"""Output of hydra-trial when stderr or stdout cannot be written; the reference is the app without hydra-trial."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import pytest

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.trial.log import show, tell
from trial.apps import run, write_app

TRIAL = [sys.executable, "-m", "hydra_vertex.trial"]
APP = """
    import os
    import sys

    import hydra


    class Broken:
        encoding = "utf-8"

        def write(self, text):
            raise ZeroDivisionError

        flush = lambda self: None


    @hydra.main(config_path="conf", config_name="config", version_base="1.3")
    def main(cfg):
        BODY
        return 1.0


    if __name__ == "__main__":
        main()
    """


def without_reader(folder: Path, command: list[str], stream: str) -> int:
    """Return the exit code of a command whose stdout or stderr is a pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writer}
    try:
        return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False, **streams).returncode  # type: ignore[call-overload]
    finally:
        os.close(writer)


def exit_code(folder: Path, command: list[str], streams: str) -> int:
    if streams.startswith("no reader of "):
        return without_reader(folder, command, streams.removeprefix("no reader of "))
    return run(folder, ["sh", "-c", f'exec "$@" {streams}', "sh", *command]).returncode


STREAMS = ["2>/dev/null", "2>/dev/full", "2>&-", "no reader of stderr"]


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize(
    "body", ["pass", "sys.stderr.close()", "sys.stderr = None", "os.close(2)", "sys.stderr = Broken()"]
)
def test_a_result_is_recorded_and_the_exit_code_is_the_apps_whatever_stderr_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, streams: str
) -> None:
    write_app(tmp_path, APP.replace("BODY", body))
    monkeypatch.delenv("CLOUD_ML_HP_METRIC_FILE", raising=False)
    alone = exit_code(tmp_path, [sys.executable, "train.py"], streams)
    under = exit_code(tmp_path, ["env", "CLOUD_ML_HP_METRIC_FILE=metrics", *TRIAL, "--", "python", "train.py"], streams)
    assert under == alone
    # With sys.stderr closed twice the app itself fails, and returns nothing.
    assert (tmp_path / "metrics").exists() == (alone in (0, 120))


@pytest.mark.parametrize("streams", [">/dev/full", ">&- 2>&-", ">/dev/full 2>/dev/full", "no reader of stdout"])
@pytest.mark.parametrize("body", ["sys.stdout.close()", "sys.stdout = None"])
def test_a_result_is_recorded_and_the_exit_code_is_the_apps_whatever_stdout_is(
    tmp_path: Path, body: str, streams: str
) -> None:
    write_app(tmp_path, APP.replace("BODY", body))
    alone = exit_code(tmp_path, [sys.executable, "train.py"], streams)
    under = exit_code(tmp_path, ["env", "CLOUD_ML_HP_METRIC_FILE=metrics", *TRIAL, "--", "python", "train.py"], streams)
    assert under == alone
    assert (tmp_path / "metrics").exists() == (alone in (0, 120))


@pytest.mark.parametrize("streams", [*STREAMS, ">/dev/full"])
@pytest.mark.parametrize(
    "end", ["print('text', flush=True)", "print('text')", "sys.exit('enough')", "raise ValueError('boom')"]
)
def test_python_itself_ends_with_the_same_exit_code_for_an_app_without_hydra(
    tmp_path: Path, end: str, streams: str
) -> None:
    """Also 120, when the app's output could not be written at its exit."""
    (tmp_path / "app.py").write_text(f"import sys\n{end}\n")
    alone = exit_code(tmp_path, [sys.executable, "app.py"], streams)
    assert exit_code(tmp_path, [*TRIAL, "--", "python", "app.py"], streams) == alone


@pytest.mark.parametrize(
    "asked",
    [
        *(["--help"], ["--version"], ["--explain", "--", "python", "train.py"]),
        ["--explain", "--untyped", "--", "/bin/true"],
    ],
)
@pytest.mark.parametrize(
    ("streams", "reason"),
    [(">/dev/full", "No space left on device"), (">&-", "the stream is closed")],
    ids=["full", "closed"],
)
def test_requested_output_that_cannot_be_written_is_a_one_line_error(
    tmp_path: Path, asked: list[str], streams: str, reason: str
) -> None:
    write_app(tmp_path)
    ended = run(tmp_path, ["sh", "-c", f'exec "$@" {streams}', "sh", *TRIAL, *asked])
    assert (ended.returncode, ended.stderr) == (2, f"hydra-trial: stdout: cannot be written: {reason}\n")


@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-", "2>&- >&-", "no reader of stderr"])
def test_an_error_keeps_its_exit_code_whatever_the_streams_are(tmp_path: Path, streams: str) -> None:
    assert exit_code(tmp_path, [*TRIAL, "--nonsense"], streams) == 2


@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&- >&-", "no reader of stderr"])
def test_another_program_is_started_whatever_the_streams_are(tmp_path: Path, streams: str) -> None:
    assert exit_code(tmp_path, [*TRIAL, "--", "sh", "-c", "exit 7"], streams) == 7
    (tmp_path / "app.py").write_text("raise SystemExit(8)")
    assert exit_code(tmp_path, [*TRIAL, "--", "python", "-B", "app.py"], streams) == 8


def test_a_message_is_one_line_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    tell("one\n  message\tin pieces")
    assert capfd.readouterr().err == "hydra-trial: one message in pieces\n"


class Copying(io.StringIO):
    """A stream of a library that keeps a copy of the log."""


def test_a_stream_that_replaces_stderr_gets_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Copying())
    tell("one line")
    assert sys.stderr.getvalue() == "hydra-trial: one line\n"  # type: ignore[attr-defined]


def test_a_method_that_a_library_has_replaced_gets_the_line(tmp_path: Path) -> None:
    code = (
        "import sys; from hydra_vertex.trial.log import tell; written = []\n"
        "sys.stderr.write = written.append; tell('one line'); print(written)"
    )
    assert run(tmp_path, [sys.executable, "-c", code]).stdout == "['hydra-trial: one line\\n']\n"


def test_lines_follow_the_apps_earlier_output(tmp_path: Path) -> None:
    code = (
        "import sys; from hydra_vertex.trial.log import tell\n"
        "sys.stderr.write('begun, '); tell('one'); sys.stderr.write('more\\n'); tell('zwölf \\udcff')"
    )
    ended = run(tmp_path, [sys.executable, "-c", code], {"PYTHONIOENCODING": "ascii"})
    assert ended.stderr == "begun, hydra-trial: one\nmore\nhydra-trial: zw\\xf6lf \\udcff\n"


@contextmanager
def full_pipe() -> Iterator[TextIO]:
    """A non-blocking pipe that is full and is not read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    with os.fdopen(writer, "w") as stream:
        yield stream
    os.close(reader)


def test_a_write_to_a_full_pipe_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_pipe() as stream:
        for name in ("stdout", "stderr", "__stderr__"):
            monkeypatch.setattr(sys, name, stream)
        tell("lost")
        with pytest.raises(OutputError, match="stdout: cannot be written: Resource temporarily unavailable"):
            show("text")


def test_a_terminal_gets_the_line() -> None:
    main, terminal = pty.openpty()
    code = "from hydra_vertex.trial.log import tell; tell('one line')"
    subprocess.run([sys.executable, "-c", code], stderr=terminal, check=True)
    assert os.read(main, 100) == b"hydra-trial: one line\r\n"
    os.close(main)
    os.close(terminal)


def test_an_app_whose_excepthook_fails_exits_as_without_hydra_trial(tmp_path: Path) -> None:
    hook = "def hook(*error):\n    raise KeyError('hook')\n"
    (tmp_path / "app.py").write_text(f"import sys\n{hook}sys.excepthook = hook\nraise ValueError('boom')\n")
    ended = run(tmp_path, [*TRIAL, "--", "python", "app.py"])
    assert ended.returncode == run(tmp_path, [sys.executable, "app.py"]).returncode == 1
    assert "KeyError: 'hook'" in ended.stderr
    assert "ValueError: boom" in ended.stderr


def test_an_app_whose_excepthook_exits_keeps_that_exit_code(tmp_path: Path) -> None:
    hook = "def hook(*error):\n    sys.exit(9)\n"
    (tmp_path / "app.py").write_text(f"import sys\n{hook}sys.excepthook = hook\nraise ValueError('boom')\n")
    ended = run(tmp_path, [*TRIAL, "--", "python", "app.py"])
    assert ended.returncode == run(tmp_path, [sys.executable, "app.py"]).returncode == 9


def test_a_record_is_written_before_its_line(tmp_path: Path) -> None:
    """The metric file's content at the moment of the log line is copied to stdout."""
    body = "sys.stderr = Broken(); Broken.write = lambda self, text: os.write(1, open('metrics', 'rb').read())"
    write_app(tmp_path, APP.replace("BODY", body))
    ended = run(tmp_path, [*TRIAL, "--", "python", "train.py"], {"CLOUD_ML_HP_METRIC_FILE": "metrics"})
    assert json.loads(ended.stdout)["metric"] == "1.0"
