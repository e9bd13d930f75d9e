"""Runs a program that starts the app, and ends as that program does.

The program stays in this process's group, so a signal to the group, as of Ctrl-C or of the tuning service, reaches it
and the app as without hydra-trial. A signal to this process alone is passed on to the program alone. A third process of
the group tells the two apart: it receives only the first kind.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from hydra_vertex.protocol.process_tree import descendants
from hydra_vertex.protocol.signals import STOPPING

_PASSED_ON = frozenset({*STOPPING, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH})
_ALSO_AWAITED = frozenset({signal.SIGCHLD})
_GROUP_DELAY_S = 0.05
"""Longest time between the arrivals of one signal at two processes of a group."""
_POLL_S = 0.05
_WATCH_S = 2.0
_KILL_LIMIT_S = 10.0


def run_wrapper(
    path: str, words: Sequence[str], environ: Mapping[str, str], is_done: Callable[[], bool] | None = None
) -> int:
    """Run the program and return its return code, -n after signal n. Raises OSError when it cannot be started.

    With `is_done`, the program and all processes below it are killed as soon as that returns True.
    """
    with _blocked() as mask, _Witness() as witness:
        child = subprocess.Popen(
            list(words),
            executable=path,
            env=dict(environ),
            preexec_fn=lambda: _prepare_child(mask),
        )
        while child.poll() is None:
            info = signal.sigtimedwait(_PASSED_ON | _ALSO_AWAITED, _POLL_S if is_done else _WATCH_S)
            if is_done is not None and is_done():
                _kill_tree(child)
                break
            number = info.si_signo if info is not None else signal.SIGCHLD
            if number in _PASSED_ON and not (_is_in_this_group(child.pid) and witness.has_received(number)):
                with suppress(ProcessLookupError):
                    os.kill(child.pid, number)
        return child.wait()


def _is_in_this_group(pid: int) -> bool:
    """Whether a signal to this group reaches the program: `timeout` makes a group of its own."""
    with suppress(ProcessLookupError):
        return os.getpgid(pid) == os.getpgrp()
    return False


def end_by(number: int) -> None:
    """End this process by a signal, as the program ended. Returns when the signal does not end it."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))  # the program dumped
    with suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def _prepare_child(mask: set[signal.Signals]) -> None:
    """Restore the signal mask, and SIGPIPE, which Python ignores. The program ends when hydra-trial is killed."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG, on Linux


@contextmanager
def _blocked() -> Iterator[set[signal.Signals]]:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON | _ALSO_AWAITED)
    try:
        yield {signal.Signals(number) for number in mask}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Witness:
    """A process of this group that records each signal that it receives."""

    def __init__(self) -> None:
        self._pid = 0
        self._reader = -1

    def __enter__(self) -> _Witness:
        parent = os.getpid()
        self._reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            with suppress(BaseException):
                os.close(self._reader)
                _close_standard_streams()
                _write_signals(writer, parent)
            os._exit(0)
        os.close(writer)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        os.close(self._reader)

    def has_received(self, number: int) -> bool:
        """Whether the signal was sent to the whole group. Waits a little for its arrival there."""
        deadline = time.monotonic() + _GROUP_DELAY_S
        while (left_s := deadline - time.monotonic()) > 0:
            if not select.select([self._reader], [], [], left_s)[0]:
                return False
            received = os.read(self._reader, 1)
            if not received:
                return False
            if received[0] == number:
                return True
        return False


def _write_signals(writer: int, parent: int) -> None:
    while os.getppid() == parent:
        info = signal.sigtimedwait(_PASSED_ON, _WATCH_S)
        if info is not None:
            os.write(writer, bytes([info.si_signo]))


def _close_standard_streams() -> None:
    """Whoever reads them until their end does not wait for the witness."""
    for descriptor in range(3):
        with suppress(OSError):
            os.close(descriptor)


def _kill_tree(child: subprocess.Popen[bytes]) -> None:
    """Kill the program first, so that it starts nothing more, and then what it has started."""
    below = descendants(child.pid)
    child.kill()
    deadline = time.monotonic() + _KILL_LIMIT_S
    while below and time.monotonic() < deadline:
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        below = [found for pid in below for found in descendants(pid)]
