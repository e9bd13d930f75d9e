"""What process 1 of a container has to do, when hydra-trial is it: pass signals on, reap orphans, end with the app.

The kernel gives process 1 no default actions: a SIGTERM that it has no handler for is dropped. The app therefore runs
in a child, where signals do to it what they do anywhere else. It leads a process group of its own, as it would as
process 1, and a signal goes to it alone: what it does about processes that it has started is its own affair.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

from hydra_vertex.protocol.reaping import reap_exited
from hydra_vertex.protocol.signals import FAULTS, STOPPING

from .lifetime import INIT_PID

LEFT_BEHIND_GRACE_S = 5.0
"""From SIGTERM to the end, for processes that outlive the app. The kernel would kill those of a process 1 at once."""

# Blocking the signals of faults would hide a fault of this process itself.
_AWAITED = frozenset(signal.valid_signals()) - FAULTS - {signal.SIGKILL, signal.SIGSTOP}
# For this process alone: its children, its use of the terminal, its own broken pipe.
_KEPT = frozenset({signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP, signal.SIGPIPE})
_STDIN = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the app ended. `returncode` is -n if signal n killed it; `stop_signal` is the last stop signal sent to it."""

    returncode: int
    stop_signal: int | None


def fork_app() -> Init | None:
    """Fork. The child gets None and goes on as the app, with signals and terminal as this process was given them."""
    has_terminal = _is_foreground()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    app = os.fork()
    if app:
        return Init(app, has_terminal)
    os.setpgid(0, 0)
    if has_terminal:
        _take_terminal()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return None


class Init:
    """The parent of the app in process 1. All signals are blocked in it, and fetched one at a time."""

    def __init__(self, app: int, has_terminal: bool) -> None:
        self._app = app
        self._has_terminal = has_terminal
        self._returncode: int | None = None

    def wait_for_app(self) -> Ended:
        """Pass on what is sent to this process until the app has ended."""
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
        """Wait for a signal that tells this process to stop, at most `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while _next_signal(deadline) not in {None, *STOPPING}:
            self._reap()

    def end_the_rest(self, grace_s: float = LEFT_BEHIND_GRACE_S) -> None:
        """Tell the processes that the app has left behind to stop. The kernel kills them when this process ends."""
        if not self._reap():
            return
        _tell_everybody_to_stop()
        deadline = time.monotonic() + grace_s
        while self._reap() and _next_signal(deadline) is not None:
            pass

    def _reap(self) -> bool:
        """Reap exited children, re-parented orphans of the app included. Whether others are left."""
        exited, are_left = reap_exited()
        self._returncode = exited.get(self._app, self._returncode)
        return are_left


def _next_signal(deadline: float) -> int | None:
    """None when none has come by then, on the monotonic clock."""
    info = signal.sigtimedwait(_AWAITED, max(0.0, deadline - time.monotonic()))
    return None if info is None else info.si_signo


def _tell_everybody_to_stop() -> None:
    """In this process's own PID namespace, which is the container; outside of one it would be the whole machine."""
    if os.getpid() == INIT_PID:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(_STDIN) == os.getpgrp()
    except OSError:
        return False


def _take_terminal() -> None:
    """Make this process's group the one that the terminal's Ctrl-C reaches. SIGTTOU has to be blocked."""
    with suppress(OSError):
        os.tcsetpgrp(_STDIN, os.getpgrp())
