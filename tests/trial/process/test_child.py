"""`run_app_process`: exit codes, signal handlers, and stop signals passed on to the child."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.trial.process.child import run_app_process

_PARENT = """
import os, sys
from hydra_vertex.trial.process.child import run_app_process
sys.exit(run_app_process([sys.executable, "-c", sys.argv[1]], os.environ, grace_s=0.2))
"""
_HANDLES_SIGTERM = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"saved\\n"), sys.exit(0)))
print("ready", flush=True)
time.sleep(60)
"""
_IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("body", "exit_code"),
    [("pass", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 128 + signal.SIGKILL)],
)
def test_the_exit_code_of_the_child_is_returned(body: str, exit_code: int) -> None:
    assert run_app_process([sys.executable, "-c", body], os.environ) == exit_code


def test_the_previous_signal_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    run_app_process([sys.executable, "-c", ""], os.environ)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)] == before


@pytest.mark.parametrize(("child", "last_output"), [(_HANDLES_SIGTERM, "saved\n"), (_IGNORES_SIGTERM, "")])
def test_a_stop_signal_ends_the_child_before_the_parent(tmp_path: Path, child: str, last_output: str) -> None:
    command = [sys.executable, "-c", _PARENT, child]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGTERM)
        # The pipe is closed only after the child has exited too.
        assert parent.stdout.read() == last_output
        assert parent.wait(timeout=20) == 128 + signal.SIGTERM
