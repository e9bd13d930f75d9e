"""Locking of a metric file between threads, processes and signal handlers."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.trial.reporting import turns
from hydra_vertex.trial.reporting.metric_file import add_value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "output.metrics"


def values(file: Path) -> list[float]:
    return [float(json.loads(line)["loss"]) for line in file.read_text().splitlines()]


def test_a_file_in_a_read_only_folder_is_written_without_a_lock(file: Path) -> None:
    """As with a single file mounted into a container. Root, who may write everywhere, becomes another user first."""
    file.touch()
    file.chmod(0o666)
    for folder in file.parents:
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
    file.parent.chmod(0o555)
    code = (
        "import os, sys; from pathlib import Path; import hypertune\n"
        "from hydra_vertex.trial.reporting.metric_file import add_final_value, add_value\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for value in range(100): add_value(Path(sys.argv[1]), 'loss', value)\n"
        "add_final_value(Path(sys.argv[1]), 'loss', 0.5)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(values(file)) == 101
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_lock_that_is_never_released_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LOCK_TIMEOUT_S", 0.05)
    with file.with_name(".output.metrics.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match=r"\.output\.metrics\.lock is locked by a process that hangs"):
            add_value(file, "loss", 1.0)
    add_value(file, "loss", 2.0)
    assert values(file) == [2.0]


def test_a_process_forked_while_a_line_is_added_does_not_keep_the_lock(file: Path) -> None:
    with turns.take_turn(file):
        inherited = [os.dup(descriptor) for descriptor in _lock_descriptors()]
    try:
        assert inherited
        add_value(file, "loss", 1.0)
    finally:
        for descriptor in inherited:
            os.close(descriptor)


def _lock_descriptors() -> list[int]:
    links = list(Path("/proc/self/fd").iterdir())
    return [int(link.name) for link in links if link.is_symlink() and link.readlink().name.endswith(".lock")]


@contextmanager
def handled_by(handler: Callable[[int, object], None]) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_handler_may_report_during_a_report(file: Path) -> None:
    """No record is lost or incomplete, and no wait is long, at whatever line of the report the signal arrives."""
    handled: list[bool] = []

    def handler(number: int, frame: object) -> None:
        handled.append(bool(turns._TURNS))
        add_value(file, "loss", 0.25)

    count, deadline = 0, time.monotonic() + 30
    with handled_by(handler):
        while sum(handled) < 50:
            signal.setitimer(signal.ITIMER_REAL, (1 + count % 50) * 4e-6)
            add_value(file, "loss", 0.5)
            count += 1
            assert time.monotonic() < deadline, f"only {sum(handled)} of {count} reports were interrupted"
    assert len(values(file)) == count + len(handled)
    assert not turns._TURNS


def test_a_failed_turn_releases_the_lock(file: Path) -> None:
    with pytest.raises(KeyError), turns.take_turn(file):
        raise KeyError
    assert not turns._TURNS
    add_value(file, "loss", 1.0)
