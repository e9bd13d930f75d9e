"""Runs a child process to its end; a signal that stops this process stops the child, and all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from hydra_vertex.protocol.signals import STOPPING, exit_code_of, kill_message
from hydra_vertex.trial.log import tell

GRACE_S = 25.0
"""From a signal to SIGKILL. Kubernetes and Vertex AI give a container 30 s, of which the outputs need a few."""
_Handler = Callable[[int, "FrameType | None"], object]


@dataclass(slots=True)
class _Stop:
    """The first signal that came, and the child that it goes to; either may be there before the other."""

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


def run_app_process(command: Sequence[str], environ: Mapping[str, str], *, grace_s: float = GRACE_S) -> int:
    """The child's exit code, 128+n when signal n ended it or this process was told to stop by it.

    A death by signal is told on stderr. stdin, stdout and stderr are the child's. Must run in the main thread, which is
    where Python handles signals.
    """
    stop = _Stop(grace_s)
    # The child gets a group of its own, so that a signal reaches the processes that a distributed app has started.
    with _handling(stop), subprocess.Popen(list(command), env=dict(environ), start_new_session=True) as child:
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
