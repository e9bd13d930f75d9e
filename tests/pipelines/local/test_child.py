from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hydra_vertex.pipelines.local import child
from hydra_vertex.pipelines.local.child import Terminated, run_step_process, sigterm_raises

# Records the signals that it receives and exits on the given one; with `never` only SIGKILL ends it.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
mark, ends_on = Path(sys.argv[1]), sys.argv[2]
def note(number, frame):
    with mark.open("a") as file:
        file.write(" " + signal.Signals(number).name)
    if signal.Signals(number).name == ends_on:
        sys.exit(0)
signal.signal(signal.SIGINT, note)
signal.signal(signal.SIGTERM, note)
mark.write_text(str(os.getpid()))
while True:
    time.sleep(0.01)
"""


def after(mark: Path, act: Callable[[], None]) -> None:
    """Call `act` in a thread as soon as the child has written its process id."""

    def wait() -> None:
        deadline = time.monotonic() + 30
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        act()

    threading.Thread(target=wait, daemon=True).start()


def signal_self(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


def command(mark: Path, ends_on: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(mark), ends_on]


def seen(mark: Path) -> list[str]:
    """Return the signals that the child received; checks that it has exited."""
    number, *signals = mark.read_text().split()
    assert not Path(f"/proc/{number}").exists()
    return signals


def test_the_child_gets_the_variables_and_its_exit_code_is_returned() -> None:
    assert (
        run_step_process([sys.executable, "-c", "import os, sys; sys.exit(int(os.environ['CODE']))"], {"CODE": "7"})
        == 7
    )


def test_an_exit_by_a_signal_is_a_negative_number() -> None:
    assert run_step_process([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], {}) == -9


def test_a_program_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        run_step_process(["no-such-program-here"], {})


def test_on_ctrl_c_the_child_gets_no_second_sigint(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_the_terminal() -> None:
        for number in (int(mark.read_text().split()[0]), os.getpid()):
            os.kill(number, signal.SIGINT)

    monkeypatch.setattr(child, "GRACE_S", 5.0)
    after(mark, as_the_terminal)

    with pytest.raises(KeyboardInterrupt):
        run_step_process(command(mark, "SIGINT"), {})
    assert seen(mark) == ["SIGINT"]


@pytest.mark.parametrize(("ends_on", "signals"), [("SIGINT", ["SIGINT"]), ("SIGTERM", ["SIGINT", "SIGTERM"])])
def test_a_child_that_the_terminal_sent_no_sigint_gets_it_before_sigterm(
    mark: Path, monkeypatch: pytest.MonkeyPatch, ends_on: str, signals: list[str]
) -> None:
    monkeypatch.setattr(child, "GRACE_S", 0.5)
    after(mark, signal_self(signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        run_step_process(command(mark, ends_on), {})
    assert seen(mark) == signals


def test_sigterm_is_passed_to_the_child_as_sigint(mark: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    after(mark, signal_self(signal.SIGTERM))

    with pytest.raises(Terminated), sigterm_raises():
        run_step_process(command(mark, "SIGINT"), {})
    assert seen(mark) == ["SIGINT"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_child_that_ignores_sigint_and_sigterm_is_killed(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_S", 0.3)
    after(mark, signal_self(signal.SIGTERM))

    with pytest.raises(Terminated), sigterm_raises():
        run_step_process(command(mark, "never"), {})
    assert seen(mark) == ["SIGINT", "SIGTERM"]


def test_a_second_ctrl_c_kills_the_child(mark: Path) -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)  # longer than the quarter of a second that Popen.wait itself takes to pass the first one on
        os.kill(os.getpid(), signal.SIGINT)

    after(mark, twice)

    with pytest.raises(KeyboardInterrupt):
        run_step_process(command(mark, "never"), {})
    assert seen(mark) == []
