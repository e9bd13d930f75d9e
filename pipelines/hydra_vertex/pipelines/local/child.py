"""A child process at the terminal: it draws there itself, and does not outlive the command that waits for it."""

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
"""How long a child may take to end after each signal, before the next and stronger one."""
WAIT_S = 1.0


class Terminated(KeyboardInterrupt):
    """SIGTERM: like Ctrl-C, except that the terminal has not told the child as well."""


def run_step_process(
    command: Sequence[str], variables: Mapping[str, str], while_waiting: Callable[[], None] = lambda: None
) -> int:
    """Run with the terminal's own stderr, and wait. stdout goes there too: this process's own is for its result.

    `while_waiting` is called every WAIT_S. Returns the exit code, -n for a death by signal n. Raises OSError when it
    cannot be started; a KeyboardInterrupt passes on when the child has ended.
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
    """SIGTERM raises Terminated. Only the main thread can set this; in another one SIGTERM does what it did."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(child: subprocess.Popen[bytes], *, interrupted: bool) -> None:
    """Let the child end by itself; insist after a while, and at once when Ctrl-C is pressed again."""
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
