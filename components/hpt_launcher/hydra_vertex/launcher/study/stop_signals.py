"""Notes SIGTERM and SIGINT in place of their immediate effect, so that a job can be cancelled between two requests."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hydra_vertex.protocol.errors import HydraVertexError

_HANDLED = (signal.SIGTERM, signal.SIGINT)


class StopRequestedError(HydraVertexError):
    """A signal asked this process to stop. `signum` is the signal's number."""

    exit_code = 130

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class StopSignals:
    """The stop signals of this process. `check` and `pause` raise StopRequestedError once for each signal."""

    def __init__(self) -> None:
        self._pending: list[int] = []
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def check(self) -> None:
        """Raise StopRequestedError when a signal has arrived since the last one was raised."""
        if self._pending:
            raise StopRequestedError(self._pending.pop(0))

    def pause(self, seconds: float) -> None:
        """Wait, at most until a signal arrives."""
        self.check()
        if select.select([self._reader], [], [], seconds)[0]:
            os.read(self._reader, 1)
        self.check()

    @contextmanager
    def armed(self) -> Iterator[StopSignals]:
        """Handle the signals of the main thread until the block ends, and restore their former handlers."""
        before = {signum: signal.signal(signum, self._on_signal) for signum in _HANDLED}
        try:
            yield self
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - prescribed by signal
        self._pending.append(signum)
        try:
            os.write(self._writer, b"!")
        except BlockingIOError:
            return  # The pipe has unread bytes, so `pause` returns anyway.
