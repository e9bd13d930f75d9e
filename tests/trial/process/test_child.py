"""A child process that is stopped together with its parent."""

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
_POLITE = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"saved\\n"), sys.exit(0)))
print("ready", flush=True)
time.sleep(60)
"""
_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("body", "exit_code"),
    [("pass", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 128 + signal.SIGKILL)],
)
def test_the_exit_code_is_the_childs(body: str, exit_code: int) -> None:
    assert run_app_process([sys.executable, "-c", body], os.environ) == exit_code


def test_the_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    run_app_process([sys.executable, "-c", ""], os.environ)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)] == before


@pytest.mark.parametrize(("child", "last_words"), [(_POLITE, "saved\n"), (_STUBBORN, "")])
def test_a_signal_ends_the_child_and_then_the_parent(tmp_path: Path, child: str, last_words: str) -> None:
    command = [sys.executable, "-c", _PARENT, child]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGTERM)
        # The pipe ends only when the child, too, has ended.
        assert parent.stdout.read() == last_words
        assert parent.wait(timeout=20) == 128 + signal.SIGTERM
