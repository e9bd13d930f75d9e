"""Runs a child process until it exits, and passes stop signals on to its process group."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from hydra_vertex.protocol.private_files import UNCHANGED
from hydra_vertex.protocol.signals import STOPPING, exit_code_of, kill_message
from hydra_vertex.trial.log import tell

GRACE_S = 25.0
"""Time from the first signal to SIGKILL. Kubernetes and Vertex AI give a container 30 s; the outputs need a few."""
_Handler = Callable[[int, "FrameType | None"], object]


@dataclass(slots=True)
class _Stop:
    """The received signals, and the child to send them to. A signal can arrive before the child is started."""

    grace_s: float
    child: subprocess.Popen[bytes] | None = None
    signals: list[int] = field(default_factory=list)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.signals.append(number)
        self.pass_on()

    def pass_on(self) -> None:
        if self.child is None or not self.signals:
            return
        _signal_group(self.child, self.signals[-1])
        if len(self.signals) == 1:
            signal.setitimer(signal.ITIMER_REAL, self.grace_s)

    def on_grace_over(self, _number: int, _frame: FrameType | None) -> None:
        if self.child is not None:
            _signal_group(self.child, signal.SIGKILL)


def run_app_process(
    command: Sequence[str], environ: Mapping[str, str], *, umask: int = UNCHANGED, grace_s: float = GRACE_S
) -> int:
    """Run the child until it exits. Return its exit code: 128 + n if signal n killed it or stopped this process.

    `umask` is that of the child. `grace_s` is the time from a stop signal to SIGKILL. The child inherits stdin, stdout
    and stderr; if a signal killed it, a message is printed to stderr. Must run in the main thread, because Python
    handles signals only there.
    """
    stop = _Stop(grace_s)
    # The child leads its own process group, so that a signal also reaches the processes that a distributed app starts.
    with _handling(stop), _start(command, environ, umask) as child:
        stop.child = child
        stop.pass_on()
        returncode = child.wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
        if stop.signals:
            _signal_group(child, signal.SIGKILL)
    stop_signal = stop.signals[0] if stop.signals else None
    if returncode < 0:
        tell(kill_message(-returncode, stop_signal))
    return exit_code_of(returncode if stop_signal is None else -stop_signal)


def _start(command: Sequence[str], environ: Mapping[str, str], umask: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(list(command), env=dict(environ), umask=umask, start_new_session=True)


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


@contextmanager
def _handling(stop: _Stop) -> Iterator[None]:
    handlers: dict[signal.Signals, _Handler] = dict.fromkeys(STOPPING, stop.on_signal)
    handlers[signal.SIGALRM] = stop.on_grace_over
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
