from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hydra_vertex.pipelines.local import guard
from hydra_vertex.pipelines.local.guard import VARIABLE, children_marked, end_marked, guarded, marker
from hydra_vertex.pipelines.local.leftovers import end_leftovers
from hydra_vertex.pipelines.local.run_folder import RunFolder
from hydra_vertex.service.start import start_service

# Starts a child, writes the names of the signals that it receives to a file, and exits on none of them.
STUBBORN = """
import signal, subprocess, sys, time
from pathlib import Path
mark = Path(sys.argv[1])
def note(number, frame):
    with mark.open("a") as file:
        file.write(f" {signal.Signals(number).name}")
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, note)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
mark.write_text(str(child.pid))
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


@contextlib.contextmanager
def stubborn(mark: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", STUBBORN, str(mark)], start_new_session=True)
    try:
        wait_until(lambda: mark.exists() and mark.read_text())
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def wait_until(condition: Callable[[], object], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def test_marked_processes_get_sigint_and_are_then_killed_with_their_children(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "GRACE_S", 0.5)
    with children_marked(marker("one", tmp_path)), stubborn(mark) as child:
        assert end_marked(tmp_path) == 2
        child.wait(5)
        number, *signals = mark.read_text().split()

    assert signals == ["SIGINT"]
    assert not is_running(int(number))


def test_unmarked_processes_and_those_of_another_folder_are_not_ended(tmp_path: Path, mark: Path) -> None:
    with stubborn(mark) as free:
        assert end_marked(tmp_path) == 0
        assert free.poll() is None
    with children_marked(marker("one", tmp_path / "other")), stubborn(mark) as other:
        assert end_marked(tmp_path) == 0
        assert other.poll() is None


def test_the_marker_is_in_the_environment_only_inside_the_block(tmp_path: Path) -> None:
    with children_marked("outer:/x"):
        with children_marked(marker("one", tmp_path)):
            assert os.environ[VARIABLE] == f"one:{tmp_path}"
        assert os.environ[VARIABLE] == "outer:/x"
    assert VARIABLE not in os.environ


def test_a_folder_has_the_same_marker_under_every_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    assert marker("one", tmp_path / "link") == marker("one", tmp_path)


RUN = """
import os, sys, tempfile, time
from pathlib import Path
from hydra_vertex.pipelines.local.guard import children_marked, guarded, marker
import subprocess
value = marker(sys.argv[1], Path(sys.argv[2]))
with guarded(value):
    tempfile.mkdtemp()
    with children_marked(value):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    print(child.pid, flush=True)
    if sys.argv[3] == "end":
        sys.exit(0)
    if sys.argv[3] == "raise":
        raise KeyError
    if sys.argv[3] == "interrupt":
        raise KeyboardInterrupt
    time.sleep(60)
"""


@pytest.mark.parametrize(("how", "is_left"), [("kill", False), ("interrupt", False), ("end", True), ("raise", True)])
def test_a_guard_ends_processes_only_when_its_run_was_killed_or_interrupted(
    tmp_path: Path, how: str, is_left: bool
) -> None:
    command = [sys.executable, "-c", RUN, "one", str(tmp_path), how]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {**os.environ, "TMPDIR": str(temporary)}
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=variables)
    assert run.stdout is not None
    child = int(run.stdout.readline())
    if how == "kill":
        assert list(temporary.glob("*/*")) != []
        run.kill()
    run.wait(20)
    run.stdout.close()
    try:
        if is_left:
            time.sleep(1.0)
            assert is_running(child)
        else:
            wait_until(lambda: not is_running(child))
        wait_until(lambda: not list(temporary.iterdir()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_only_the_own_temporary_files_are_in_the_folder_of_the_guard(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with guarded(marker("one", tmp_path)):
        assert Path(tempfile.gettempdir()).parent == Path(before)
        asked = [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"]
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == before
    assert tempfile.gettempdir() == before


def test_a_guard_exits_with_its_run(tmp_path: Path) -> None:
    began = time.monotonic()
    with guarded(marker("one", tmp_path)):
        pass

    assert time.monotonic() - began < 15
    assert not [p for p in Path("/proc").glob("[0-9]*") if str(tmp_path).encode() in cmdline(p)]


def cmdline(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_new_run_waits_for_the_service_of_a_killed_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    lines: list[str] = []
    service = start_service(folder.studies, tmp_path / "log", 60)
    try:
        service._process.stdin.close()  # type: ignore[union-attr] # the pipe is closed as on the exit of the run
        end_leftovers(folder, lines.append)
        assert not is_running(service.pid)
    finally:
        service.stop()

    assert lines in ([], [f"waiting for the tuning service of an earlier run (process {service.pid}) to end"])


def test_a_service_that_the_user_started_on_the_folder_is_not_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hydra_vertex.service", "--dir", str(tmp_path / "studies")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        service.stdout.readline()
        end_leftovers(RunFolder(tmp_path), lambda line: pytest.fail(line))
        assert service.poll() is None
        service.terminate()
