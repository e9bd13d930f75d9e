"""Signals, exit codes and holds of a trial: as process 1 of a PID namespace, as in a container, and outside of one."""

from __future__ import annotations

import functools
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

LIMIT_S = 30
TRIAL = (sys.executable, "-m", "hydra_vertex.trial")
APP = ("--", "python", "app.py")

SLEEP = """
    import time

    print("ready", flush=True)
    time.sleep(60)
    """
HANDLE = """
    import os
    import signal
    import sys
    import time


    def handle(number, frame):
        # print is not reentrant: the signal may arrive while stdout is flushed.
        os.write(1, f"{signal.Signals(number).name}\\n".encode())
        sys.exit(7)


    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGRTMIN):
        signal.signal(number, handle)
    print("ready", flush=True)
    time.sleep(60)
    """
INTERRUPT = """
    import time

    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    """


def _name(value: object) -> str:
    """Return the name of a parameter in a test id."""
    if isinstance(value, signal.Signals):
        return value.name
    return {SLEEP: "no handler", HANDLE: "handler", INTERRUPT: "catches"}.get(str(value), "")


@functools.cache
def _unshare() -> tuple[str, ...] | None:
    """Return the command prefix that makes a command process 1 of a PID namespace; None where it is not permitted."""
    if shutil.which("unshare") is None:
        return None
    namespace = ("--pid", "--fork", "--mount-proc", "--kill-child")
    for command in (("unshare", *namespace), ("unshare", "--user", "--map-root-user", *namespace)):
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return None


@pytest.fixture
def container() -> tuple[str, ...]:
    command = _unshare()
    if command is None:
        pytest.skip("unshare cannot make a PID namespace here")
    return command


def _write(folder: Path, body: str) -> None:
    (folder / "app.py").write_text(dedent(body))


@contextmanager
def _started(folder: Path, *command: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """Start the process, and kill it at the end of the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=stdin, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _stdout_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _stderr_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def _end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end. Return the exit code and the remaining stdout and stderr."""
    stdout, stderr = process.communicate(timeout=LIMIT_S)
    return process.returncode, stdout, stderr


def _process_1(unshare: subprocess.Popen[str]) -> int:
    """Return the pid, outside the PID namespace, of its process 1."""
    return int(Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text())


def _run(folder: Path, *command: str) -> tuple[int, str, str]:
    with _started(folder, *command) as process:
        return _end(process)


KILLED = "hydra-trial: the app was killed by signal 9 (SIGKILL); a container that ran out of memory ends like this\n"

CRASHED = (
    "hydra-trial: the app was killed by signal 11 (SIGSEGV); native code crashed; PYTHONFAULTHANDLER=1 shows where\n"
)


@pytest.mark.parametrize(
    ("body", "exit_code", "stderr"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("import os; os._exit(4)", 4, ""),
        ("import os; os.kill(os.getpid(), 9)", 137, KILLED),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 139, CRASHED),
    ],
)
def test_process_1_exits_with_the_exit_code_of_the_app_and_explains_a_kill(
    container: tuple[str, ...], tmp_path: Path, body: str, exit_code: int, stderr: str
) -> None:
    _write(tmp_path, body)
    assert _run(tmp_path, *container, *TRIAL, *APP) == (exit_code, "", stderr)


STOPPED = "hydra-trial: the app was ended by signal {} ({}), which told it to stop\n"


@pytest.mark.parametrize(
    ("body", "number", "ended"),
    [
        (SLEEP, signal.SIGTERM, (143, "", STOPPED.format(15, "SIGTERM"))),
        (SLEEP, signal.SIGQUIT, (131, "", STOPPED.format(3, "SIGQUIT"))),
        (HANDLE, signal.SIGTERM, (7, "SIGTERM\n", "")),
        (HANDLE, signal.SIGHUP, (7, "SIGHUP\n", "")),
        (HANDLE, signal.SIGUSR1, (7, "SIGUSR1\n", "")),
        (HANDLE, signal.SIGRTMIN, (7, "SIGRTMIN\n", "")),
        (INTERRUPT, signal.SIGINT, (0, "interrupted\n", "")),
    ],
    ids=_name,
)
def test_a_signal_to_process_1_has_its_usual_effect_on_the_app(
    container: tuple[str, ...], tmp_path: Path, body: str, number: signal.Signals, ended: tuple[int, str, str]
) -> None:
    _write(tmp_path, body)
    with _started(tmp_path, *container, *TRIAL, *APP) as process:
        assert _stdout_line(process) == "ready\n"
        os.kill(_process_1(process), number)
        assert _end(process) == ended


def test_the_app_is_a_child_of_process_1_with_its_own_process_group_also_in_another_interpreter(
    container: tuple[str, ...], tmp_path: Path
) -> None:
    _write(tmp_path, "import os, sys; print(os.getppid(), os.getpgrp() == os.getpid(), sys.flags.optimize)")
    assert _run(tmp_path, *container, *TRIAL, "--", "python", "-O", "app.py") == (0, "1 True 1\n", "")


def test_orphans_of_the_app_leave_no_zombies(container: tuple[str, ...], tmp_path: Path) -> None:
    _write(
        tmp_path,
        """
        import os
        import time

        reader, writer = os.pipe()
        if os.fork() == 0:
            if os.fork() == 0:
                while os.getppid() != 1:
                    time.sleep(0.01)
                os.write(writer, f"{os.getpid()} {os.getppid()}".encode())
            os._exit(0)
        os.wait()
        orphan, parent = os.read(reader, 64).decode().split()
        deadline = time.monotonic() + 20
        while os.path.exists(f"/proc/{orphan}") and time.monotonic() < deadline:
            time.sleep(0.01)
        states = [open(f"/proc/{p}/stat").read().rsplit(")")[1].split()[0] for p in os.listdir("/proc") if p.isdigit()]
        print(parent, os.path.exists(f"/proc/{orphan}"), "Z" in states)
        """,
    )
    assert _run(tmp_path, *container, *TRIAL, *APP) == (0, "1 False False\n", "")


def test_processes_that_outlive_the_app_receive_sigterm(container: tuple[str, ...], tmp_path: Path) -> None:
    _write(
        tmp_path,
        """
        import os
        import signal
        import time

        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"stopped\\n"), os._exit(0)))
            os.write(writer, b"x")
            time.sleep(60)
        os.read(reader, 1)
        raise SystemExit(3)
        """,
    )
    assert _run(tmp_path, *container, *TRIAL, *APP) == (3, "stopped\n", "")


def _executor_input(folder: Path) -> str:
    model = {"artifacts": [{"name": "model", "uri": str(folder / "model"), "type": {"schemaTitle": "system.Model"}}]}
    outputs = {"outputFile": str(folder / "executor_output.json"), "artifacts": {"model": model}}
    command = json.dumps(["python", str(folder / "app.py")])
    return json.dumps({"inputs": {"parameterValues": {"app_command": command}}, "outputs": outputs})


@pytest.mark.parametrize(
    ("body", "ended"),
    [(HANDLE, (143, "SIGTERM\n", "")), (SLEEP, (143, "", STOPPED.format(15, "SIGTERM")))],
    ids=["handles it", "does not"],
)
def test_a_retraining_as_process_1_passes_a_signal_on_to_the_app(
    container: tuple[str, ...], tmp_path: Path, body: str, ended: tuple[int, str, str]
) -> None:
    _write(tmp_path, body)
    with _started(tmp_path, *container, *TRIAL, "--executor_input", _executor_input(tmp_path)) as process:
        assert _stdout_line(process) == "ready\n"
        os.kill(_process_1(process), signal.SIGTERM)
        assert _end(process) == ended


def test_a_kill_in_a_retraining_is_explained_once(container: tuple[str, ...], tmp_path: Path) -> None:
    _write(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert _run(tmp_path, *container, *TRIAL, "--executor_input", _executor_input(tmp_path)) == (137, "", KILLED)
    assert _run(tmp_path, *TRIAL, "--executor_input", _executor_input(tmp_path)) == (137, "", KILLED)


HELD = "is held for 60 s (--hold-on-failure); open a shell with"


def _wrapper_and_receiver(container: tuple[str, ...], as_process_1: bool) -> tuple[tuple[str, ...], Callable[..., int]]:
    return (container, _process_1) if as_process_1 else ((), lambda process: process.pid)


@pytest.mark.parametrize("as_process_1", [True, False])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_failed_app_is_held_until_a_stop_signal(
    container: tuple[str, ...], tmp_path: Path, as_process_1: bool, number: signal.Signals
) -> None:
    # The app's own handler and threads still exist; the signal must end the hold nevertheless.
    body = """
        import signal
        import threading
        import time

        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: print("the app's handler"))
        raise SystemExit(3)
        """
    _write(tmp_path, body)
    wrapper, receiver = _wrapper_and_receiver(container, as_process_1)
    with _started(tmp_path, *wrapper, *TRIAL, "--hold-on-failure", "60", *APP) as process:
        line = _stderr_line(process)
        assert line.startswith(f"hydra-trial: the app failed with exit code 3 and {HELD}")
        assert line.endswith("`kill -TERM 1`\n" if as_process_1 else f"`kill -TERM {process.pid}`\n")
        os.kill(receiver(process), number)
        assert _end(process) == (3, "", "")


def test_after_an_exception_the_hold_is_announced_below_the_traceback_and_ends_at_its_limit(tmp_path: Path) -> None:
    _write(tmp_path, "raise ValueError('boom')")
    exit_code, _, stderr = _run(tmp_path, *TRIAL, "--hold-on-failure", "0.1", *APP)
    assert exit_code == 1
    assert "ValueError: boom\nhydra-trial: the app failed with exit code 1 and is held for 0.1 s" in stderr


def test_an_app_that_was_killed_is_held_by_process_1(container: tuple[str, ...], tmp_path: Path) -> None:
    _write(tmp_path, "import os; os.kill(os.getpid(), 9)")
    with _started(tmp_path, *container, *TRIAL, "--hold-on-failure", "60", *APP) as process:
        assert _stderr_line(process) == KILLED
        assert f"exit code 137 and {HELD}" in _stderr_line(process)
        os.kill(_process_1(process), signal.SIGTERM)
        assert _end(process) == (137, "", "")


@pytest.mark.parametrize("as_process_1", [True, False])
@pytest.mark.parametrize(
    ("app", "exit_code"),
    [(("python", "nope.py"), 2), (("python", "app.py"), 0), (("python", "app.py", "--lr"), 2)],
)
def test_neither_a_success_nor_a_refused_command_is_held(
    container: tuple[str, ...], tmp_path: Path, as_process_1: bool, app: Sequence[str], exit_code: int
) -> None:
    _write(tmp_path, "pass")
    wrapper, _ = _wrapper_and_receiver(container, as_process_1)
    ended = _run(tmp_path, *wrapper, *TRIAL, "--hold-on-failure", "60", "--", *app)
    assert ended[0] == exit_code
    assert "held" not in ended[2]


@pytest.mark.parametrize("body", [SLEEP, HANDLE], ids=["killed by it", "fails after it"])
def test_an_app_that_received_a_stop_signal_is_not_held(container: tuple[str, ...], tmp_path: Path, body: str) -> None:
    _write(tmp_path, body)
    with _started(tmp_path, *container, *TRIAL, "--hold-on-failure", "60", *APP) as process:
        assert _stdout_line(process) == "ready\n"
        os.kill(_process_1(process), signal.SIGTERM)
        assert "held" not in _end(process)[2]


def test_ctrl_c_in_a_terminal_reaches_the_app_once_and_then_ends_the_hold(
    container: tuple[str, ...], tmp_path: Path
) -> None:
    body = """
        import signal
        import sys
        import time

        interrupts = []
        signal.signal(signal.SIGINT, lambda *_: interrupts.append(time.monotonic()))
        print("ready", flush=True)
        while not interrupts or time.monotonic() < interrupts[-1] + 0.5:
            time.sleep(0.05)
        print(len(interrupts), sys.stdin.isatty(), flush=True)
        sys.exit(3)
        """
    _write(tmp_path, body)
    terminal, end = pty.openpty()
    command = (*container, "setsid", "--ctty", *TRIAL, "--hold-on-failure", "60", *APP)
    try:
        with _started(tmp_path, *command, stdin=end) as process:
            assert _stdout_line(process) == "ready\n"
            os.write(terminal, b"\x03")
            assert _stdout_line(process) == "1 True\n"
            assert HELD in _stderr_line(process)
            os.write(terminal, b"\x03")
            assert _end(process) == (3, "", "")
    finally:
        os.close(terminal)
        os.close(end)


@pytest.mark.parametrize(
    ("body", "number", "ended"),
    [
        (SLEEP, signal.SIGTERM, (-signal.SIGTERM, "", "")),
        (HANDLE, signal.SIGTERM, (7, "SIGTERM\n", "")),
        (INTERRUPT, signal.SIGINT, (0, "interrupted\n", "")),
    ],
    ids=_name,
)
def test_outside_of_a_container_the_app_runs_in_the_same_process(
    tmp_path: Path, body: str, number: signal.Signals, ended: tuple[int, str, str]
) -> None:
    _write(tmp_path, body)
    with _started(tmp_path, *TRIAL, *APP) as process:
        assert _stdout_line(process) == "ready\n"
        process.send_signal(number)
        assert _end(process) == ended


def test_an_uncaught_interrupt_ends_the_process_as_in_plain_python(tmp_path: Path) -> None:
    _write(tmp_path, SLEEP)
    with _started(tmp_path, *TRIAL, *APP) as process:
        assert _stdout_line(process) == "ready\n"
        process.send_signal(signal.SIGINT)
        exit_code, _, stderr = _end(process)
    assert exit_code == -signal.SIGINT
    assert stderr.splitlines()[-1] == "KeyboardInterrupt"
