"""An init process for hydra-trial as process 1 of a container: passes signals on, reaps orphans, exits with the app.

The kernel applies no default actions to process 1: it ignores a SIGTERM for which process 1 has no handler. The app
therefore runs in a child process, where signals have their usual effect. The child leads its own process group, as it
would as process 1. A signal is sent to the child only, which decides what happens to the processes that it started.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

from hydra_vertex.protocol.reaping import reap_exited
from hydra_vertex.protocol.signals import FAULTS, INIT_PID, STOPPING

REMAINING_GRACE_S = 5.0
"""Time from SIGTERM until process 1 exits, for processes that outlive the app; the kernel then kills them."""

# The signals of faults are not blocked: that would hide a fault of this process.
_AWAITED = frozenset(signal.valid_signals()) - FAULTS - {signal.SIGKILL, signal.SIGSTOP}
# Not passed on: these concern this process's own children, terminal access and pipes.
_KEPT = frozenset({signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP, signal.SIGPIPE})
_STDIN = 0
_PR_SET_PDEATHSIG = 1
"""Source: linux/prctl.h."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the app ended. `returncode` is -n if signal n killed it; `stop_signal` is the last stop signal sent to it."""

    returncode: int
    stop_signal: int | None


def fork_app() -> Init | None:
    """Fork. Return None in the child, which continues as the app with the original signal mask and terminal."""
    has_terminal = _is_foreground()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    parent = os.getpid()
    app = os.fork()
    if app:
        return Init(app, has_terminal)
    os.setpgid(0, 0)
    if parent != INIT_PID:
        _end_with(parent)
    if has_terminal:
        _take_terminal()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return None


class Init:
    """The parent of the app, process 1. It blocks the signals that it waits for, and reads them one at a time."""

    def __init__(self, app: int, has_terminal: bool) -> None:
        self._app = app
        self._has_terminal = has_terminal
        self._returncode: int | None = None

    def wait_for_app(self) -> Ended:
        """Pass received signals on to the app until it has ended."""
        stop_signal: int | None = None
        while self._returncode is None:
            number = signal.sigwait(_AWAITED)
            if number == signal.SIGCHLD:
                self._reap()
            elif number not in _KEPT:
                stop_signal = number if number in STOPPING else stop_signal
                os.kill(self._app, number)
        if self._has_terminal:
            _take_terminal()
        return Ended(self._returncode, stop_signal)

    def wait_for_stop(self, timeout_s: float) -> None:
        """Wait for a stop signal for at most `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while _next_signal(deadline) not in {None, *STOPPING}:
            self._reap()

    def stop_remaining(self, grace_s: float = REMAINING_GRACE_S) -> None:
        """Send SIGTERM to the processes that the app left running. The kernel kills them when this process exits."""
        if not self._reap():
            return
        _terminate_all_processes()
        deadline = time.monotonic() + grace_s
        while self._reap() and _next_signal(deadline) is not None:
            pass

    def _reap(self) -> bool:
        """Reap exited children, including re-parented orphans of the app. Return whether other children are left."""
        exited, are_left = reap_exited()
        self._returncode = exited.get(self._app, self._returncode)
        return are_left


def _next_signal(deadline: float) -> int | None:
    """Return the next signal; None when none arrives before `deadline`, a time of the monotonic clock."""
    info = signal.sigtimedwait(_AWAITED, max(0.0, deadline - time.monotonic()))
    return None if info is None else info.si_signo


def _terminate_all_processes() -> None:
    """Send SIGTERM to all processes of the container. Only in process 1: elsewhere it would reach the whole machine."""
    if os.getpid() == INIT_PID:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)


def _end_with(parent: int) -> None:
    """Make the kernel kill this process when its parent dies, as it does when process 1 dies (Linux only)."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(_STDIN) == os.getpgrp()
    except OSError:
        return False


def _take_terminal() -> None:
    """Make this process's group the terminal's foreground group, which Ctrl-C reaches. SIGTTOU must be blocked."""
    with suppress(OSError):
        os.tcsetpgrp(_STDIN, os.getpgrp())
