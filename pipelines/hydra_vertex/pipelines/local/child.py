"""Runs a child process that prints to the terminal itself and is ended with the command that waits for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

GRACE_S = 10.0
"""Seconds that a child has to exit after each signal, before the next, stronger one."""
WAIT_S = 1.0


class Terminated(KeyboardInterrupt):
    """Raised on SIGTERM: like Ctrl-C, except that the terminal has not sent a signal to the child as well."""


def run_step_process(
    command: Sequence[str],
    variables: Mapping[str, str],
    while_waiting: Callable[[], None] = lambda: None,
    stop_signal: Callable[[], signal.Signals] | None = None,
) -> int:
    """Run the command with the terminal's stderr as its stderr and stdout, and wait for it.

    Its stdout is redirected because this process's stdout is reserved for the result. `while_waiting` is called every
    WAIT_S. Returns the exit code, -n for an exit by signal n. Raises OSError when the command cannot be started; a
    KeyboardInterrupt is raised again after the child has exited. With a `stop_signal`, which returns the first signal
    that the child gets then, the child is in a session of its own, so that it gets no other.
    """
    environment = {**os.environ, **variables}
    child = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.__stderr__,
        start_new_session=stop_signal is not None,
    )
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(WAIT_S)
            while_waiting()
    except BaseException as error:
        if stop_signal is not None:
            _end(child, stop_signal())
        else:
            _end(child, None if type(error) is KeyboardInterrupt else signal.SIGINT)
        raise


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Make SIGTERM raise Terminated in the block. In a thread other than the main thread, change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(child: subprocess.Popen[bytes], first: signal.Signals | None) -> None:
    """Wait for the child to exit; after each grace period send the next signal. A second Ctrl-C kills it at once.

    `first` None: the child has got SIGINT from the terminal. If SIGINT was sent to this process alone, it has not, and
    gets it after the first grace period: on SIGTERM alone, the tuning step would cancel its job.
    """
    begin = (None, signal.SIGINT) if first is None else (first,)
    try:
        for number in (*begin, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_S)
                return
    except KeyboardInterrupt:
        child.kill()
        child.wait(GRACE_S)


def _raise_terminated(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature signal prescribes
    raise Terminated
