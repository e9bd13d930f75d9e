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
    command: Sequence[str], variables: Mapping[str, str], while_waiting: Callable[[], None] = lambda: None
) -> int:
    """Run the command with the terminal's stderr as its stderr and stdout, and wait for it.

    Its stdout is redirected because this process's stdout is reserved for the result. `while_waiting` is called every
    WAIT_S. Returns the exit code, -n for an exit by signal n. Raises OSError when the command cannot be started; a
    KeyboardInterrupt is raised again after the child has exited.
    """
    environment = {**os.environ, **variables}
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.__stderr__)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(WAIT_S)
            while_waiting()
    except BaseException as error:
        _end(child, interrupted=type(error) is KeyboardInterrupt)
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


def _end(child: subprocess.Popen[bytes], *, interrupted: bool) -> None:
    """Wait for the child to exit; after each grace period send the next signal. A second Ctrl-C kills it at once."""
    try:
        for number in (None if interrupted else signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
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
