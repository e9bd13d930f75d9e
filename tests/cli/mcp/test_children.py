from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hydra_vertex.cli.mcp.children import Answer, command_line, document_in, last_text
from service.harness import wait_until

STARTS_A_CHILD = """
import sys, time
from pathlib import Path
from hydra_vertex.cli.mcp.children import start

with open("out", "wb") as out:
    print(start(["sleep", "300"], Path.cwd(), out, out).pid, flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of the end of its parent")
def test_a_child_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS_A_CHILD]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        child = psutil.Process(int(server.stdout.readline()))
        wait_until(lambda: child.name() == "sleep")
        server.send_signal(signal.SIGKILL)

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_the_options_stand_before_the_app_s_command() -> None:
    words = command_line(("check", "--trials", "3"), ("python", "app.py"))

    assert words[3:] == ["check", "--json", "--trials", "3", "--", "python", "app.py"]
    assert command_line(("status", "x"), ())[3:] == ["status", "--json", "x"]


@pytest.mark.parametrize("text", [b"", b"text", b"[1]", b"1", b"{} {}"])
def test_other_output_than_a_document_is_none(text: bytes) -> None:
    assert document_in(text) is None
    assert Answer(1, document_in(text), "").is_error


def test_the_last_text_of_a_file_is_limited(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a" * 100 + b"\xff end")

    assert last_text(tmp_path / "log", 6) == "a\ufffd end"
    assert last_text(tmp_path / "none") == ""
