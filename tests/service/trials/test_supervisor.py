"""The supervisor, run as a program."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypeAlias

import pytest

from hydra_vertex.service.trials.launch import BEGIN, supervisor_command
from service.harness import Document, is_running, wait_until

Started: TypeAlias = "subprocess.Popen[bytes]"


def start(folder: Path, command: list[str], environ: dict[str, str] | None = None, **changes: object) -> Started:
    """Start a supervisor, which reads its order and waits to begin."""
    limits = {"timeout_s": 20.0, "grace_s": 0.2, "log_limit_bytes": 1 << 20, "token": "t"}
    with tempfile.TemporaryFile() as order:
        order.write(json.dumps({"command": command, "directory": str(folder), **limits, **changes}).encode())
        order.seek(0)
        number = order.fileno()
        return subprocess.Popen(supervisor_command(number), stdin=subprocess.PIPE, env=environ, pass_fds=(number,))


def begin(process: Started) -> None:
    assert process.stdin is not None
    process.stdin.write(BEGIN)
    process.stdin.close()


def supervise(folder: Path, command: list[str], environ: dict[str, str] | None = None, **changes: object) -> Document:
    with start(folder, command, environ, **changes) as process:
        begin(process)
        assert process.wait(60) == 0
    return ending(folder)


def is_sleeping(pid: int) -> bool:
    """Whether the process is blocked, as in a read from its stdin."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"S"


def ending(folder: Path) -> Document:
    document: Document = json.loads((folder / "exit.json").read_text())
    return document


@pytest.mark.parametrize(
    ("script", "code", "number"), [("exit 0", 0, None), ("exit 3", 3, None), ("kill -9 $$", None, 9)]
)
def test_it_reports_how_the_command_ended(tmp_path: Path, script: str, code: int | None, number: int | None) -> None:
    report = supervise(tmp_path, ["sh", "-c", script])
    assert (report["code"], report["signal"], report["timed_out"], report["stopped"]) == (code, number, False, False)
    assert report["started"] <= report["ended"]


def test_the_log_has_the_output_in_its_order(tmp_path: Path) -> None:
    supervise(tmp_path, ["sh", "-c", "echo out; echo err >&2; cat; echo end"])
    assert (tmp_path / "log.txt").read_text() == "out\nerr\nend\n"


@pytest.mark.parametrize("written", [b"", b"begin"])
def test_nothing_starts_when_stdin_ends_without_a_line(tmp_path: Path, written: bytes) -> None:
    with start(tmp_path, ["touch", str(tmp_path / "started")]) as process:
        process.communicate(written, timeout=20)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits the files of a running process")
def test_the_start_waits_while_no_file_descriptor_is_free(tmp_path: Path) -> None:
    with start(tmp_path, ["true"]) as process:
        wait_until(lambda: is_sleeping(process.pid))  # it has read its order, and waits for the line
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (0, before[1]))
        begin(process)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        assert process.wait(20) == 0
    assert ending(tmp_path)["code"] == 0


def test_everything_that_a_command_leaves_behind_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    sleep = f"sleep 60 & echo $! >> {pids}"
    own_session = f"(setsid sh -c '{sleep}; wait' &)"
    in_background = f"setsid {sleep}"
    supervise(
        tmp_path,
        ["sh", "-c", f"{sleep}; {in_background}; {own_session}; until grep -c . {pids} | grep -q 3; do :; done"],
    )
    left = [int(pid) for pid in pids.read_text().split()]
    assert len(left) == 3
    assert not any(is_running(pid) for pid in left)


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    report = supervise(tmp_path, ["sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60"], timeout_s=0.1)
    assert (report["timed_out"], report["signal"]) == (True, signal.SIGKILL)


def test_a_command_can_clean_up_after_sigterm(tmp_path: Path) -> None:
    script = "trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    with start(tmp_path, ["sh", "-c", script], grace_s=10.0) as process:
        begin(process)
        log = tmp_path / "log.txt"
        wait_until(lambda: log.exists() and log.read_text() == "ready\n")
        process.terminate()
        assert process.wait(20) == 0
    assert log.read_text().endswith("cleaned\n")
    assert (ending(tmp_path)["code"], ending(tmp_path)["stopped"]) == (0, True)


def test_shared_memory_counts_once_and_private_memory_is_added(tmp_path: Path) -> None:
    share = """
import os, time
kept = bytearray(b"x" * (120 << 20))
for _ in range(3):
    if os.fork() == 0:
        own = bytearray(b"x" * (int(os.environ["OWN_MIB"]) << 20))
        time.sleep(float(os.environ["WAIT_S"]))
        os._exit(0)
for _ in range(3):
    os.wait()
"""
    command = [sys.executable, "-I", "-S", "-c", share]
    for own_mib, wait_s, fits in (("1", "1", True), ("90", "60", False)):
        environ = {**os.environ, "OWN_MIB": own_mib, "WAIT_S": wait_s}
        report = supervise(tmp_path, command, environ, memory_limit_bytes=300 << 20)
        assert (report["code"] == 0, report["memory_bytes"] is None, report["stopped"]) == (fits, fits, False)


def test_a_command_runs_with_the_requested_niceness(tmp_path: Path) -> None:
    supervise(tmp_path, ["nice"], nice=3)
    assert int((tmp_path / "log.txt").read_text()) == min(os.nice(0) + 3, 19)


def test_a_log_that_is_too_long_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    supervise(tmp_path, ["sh", "-c", "echo first; yes | head -c 3000000; echo last"], log_limit_bytes=400_000)
    log = (tmp_path / "log.txt").read_bytes()
    assert 200_000 <= len(log) <= 400_000
    assert log.startswith(b"first\n")
    assert log.endswith(b"last\n")
    assert b"bytes of log left out here" in log


def test_a_command_does_not_ignore_the_signals_that_python_ignores(tmp_path: Path) -> None:
    supervise(tmp_path, ["sh", "-c", "grep SigIgn /proc/self/status"])
    (ignored,) = (tmp_path / "log.txt").read_text().split()[1:]
    assert int(ignored, 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1) == 0


def test_the_environment_of_the_trial_does_not_change_how_the_supervisor_starts(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported in place of the standard library')")
    command = [sys.executable, "-S", "-c", "import os; print(os.environ['PYTHONPATH'])"]
    supervise(tmp_path, command, {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONHOME": ""})
    assert (tmp_path / "log.txt").read_text() == f"{tmp_path}\n"
